"""What the store knows of mail that was opened: for a bounded time, and a token counts once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.model import Address, Recipient
from relay.model.errors import StoreError
from relay.model.return_path import Returnable, new_token
from relay.store import Store
from relay.store.opened_mail import IDENTIFIERS_KEPT, TOKENS_KEPT

MAIL = Returnable(
    id="id1",
    sender=Address("Bob\udce9@Example.org"),
    recipients=(
        Recipient(Address("dr.martin@hopital.example"), ("NOTIFY=FAILURE", "ORCPT=rfc822;a@b")),
        Recipient(Address("accueil\udce9@hopital.example")),
    ),
    options=("RET=FULL", "ENVID=x"),
    header=b"From: bob@example.org\r\n",
    received=datetime(2026, 12, 1, 8, 30, tzinfo=UTC),
)


async def test_an_identifier_is_known_for_a_year(tmp_path: Path) -> None:
    now = 1e9
    async with await Store.open(tmp_path / "s.db", clock=lambda: now) as store:
        await store.opened_mail.note(["1@x", "2@x"])
        assert await store.opened_mail.knows(["0@x", "2@x"])
        assert not await store.opened_mail.knows(["0@x"])
        assert not await store.opened_mail.knows([])
        now += IDENTIFIERS_KEPT
        assert not await store.opened_mail.knows(["2@x"])
        await store.opened_mail.note(["3@x"])
        rows = await store.database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM opened_identifier").scalar())
        assert rows == 1


async def test_an_identifier_that_is_noted_again_counts_from_then_on(tmp_path: Path) -> None:
    now = 1e9
    async with await Store.open(tmp_path / "s.db", clock=lambda: now) as store:
        await asyncio.gather(store.opened_mail.note(["1@x"]), store.opened_mail.note(["1@x", "1@x"]))
        now += IDENTIFIERS_KEPT - 1
        await store.opened_mail.note(["1@x"])
        now += 2
        assert await store.opened_mail.knows(["1@x"])


async def test_neither_identifiers_nor_tokens_stand_in_the_store(tmp_path: Path) -> None:
    token = new_token()
    async with await Store.open(tmp_path / "s.db") as store:
        await store.opened_mail.note(["secret.identifier@x"])
        await store.opened_mail.expect(token, MAIL)
    octets = (tmp_path / "s.db").read_bytes()
    assert b"secret.identifier" not in octets
    assert token.encode() not in octets


async def test_a_token_brings_back_what_was_kept_until_everybody_was_told_of(tmp_path: Path) -> None:
    token = new_token()
    async with await Store.open(tmp_path / "s.db") as store:
        await store.opened_mail.expect(token, MAIL)
        kept = await store.opened_mail.expected(token)
        assert kept == MAIL
        assert kept.sender.text == MAIL.sender.text
        assert await store.opened_mail.expected(new_token()) is None
        await store.opened_mail.told(token, MAIL.recipients[:1])
        assert await store.opened_mail.expected(token) == replace(
            MAIL, recipients=MAIL.recipients[1:], told=(MAIL.recipients[0].address,)
        )
        await store.opened_mail.told(token, MAIL.recipients)
        assert await store.opened_mail.expected(token) is None
        await store.opened_mail.told(token, MAIL.recipients)


async def test_a_token_is_too_old_after_a_month(tmp_path: Path) -> None:
    now, token = 1e9, new_token()
    async with await Store.open(tmp_path / "s.db", clock=lambda: now) as store:
        await store.opened_mail.expect(token, MAIL)
        now += TOKENS_KEPT - 1
        assert await store.opened_mail.expected(token)
        now += 1
        assert await store.opened_mail.expected(token) is None
        await store.opened_mail.note(["1@x"])
        rows = await store.database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM return_token").scalar())
        assert rows == 0


async def test_a_store_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "s.db") as store:
        await store.database.write(lambda c: c.exec_driver_sql("DROP TABLE opened_identifier"))
        with pytest.raises(StoreError):
            await store.opened_mail.knows(["1@x"])
        with pytest.raises(StoreError):
            await store.opened_mail.note(["1@x"])
