"""`relay.pipeline.ports.Source` as the keyring over a real store: each of the four answers, and nothing raised."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.synthetic import NOW, certificate, entry

from relay.keys.keyring import Keyring
from relay.model import Address, Found, NotFound, Outage, Unusable, Why
from relay.pipeline.ports import Source
from relay.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "s.db") as opened:
        await opened.certificates.upsert(
            [
                entry(certificate("good", "good@Bücher.example")),
                entry(certificate("expired", "expired@example.org", expires=int(NOW) - 1)),
            ]
        )
        yield opened


@pytest.fixture
def source(store: Store) -> Source:
    return Keyring(store.certificates, clock=lambda: NOW)


async def test_every_answer_names_its_source(source: Source) -> None:
    for address in ("good@bücher.example", "expired@example.org", "nobody@example.org"):
        assert (await source.lookup(Address(address))).source == source.name == "keyring"


async def test_a_usable_key_is_found_however_the_address_is_written(source: Source) -> None:
    for address in (
        "good@bücher.example",
        "GOOD@xn--bcher-kva.EXAMPLE",
        '"good"@bücher.example',
        "good+x@bücher.example",
    ):
        answer = await source.lookup(Address(address))
        assert isinstance(answer, Found), address
        assert answer.certificate == certificate("good", "good@Bücher.example")


async def test_an_expired_key_is_unusable_and_says_which(source: Source) -> None:
    answer = await source.lookup(Address("expired@example.org"))
    assert isinstance(answer, Unusable)
    assert (answer.why, answer.fingerprint) == (Why.EXPIRED, certificate("expired").fingerprint)


async def test_an_unknown_address_is_not_found(source: Source) -> None:
    for address in (
        "nobody@example.org",
        "ood@bücher.example",
        "good@ucher.example",
        "postmaster",
        "g\udcffd@example.org",
    ):
        assert isinstance(await source.lookup(Address(address)), NotFound), address


async def test_a_source_that_cannot_be_asked_is_an_outage(source: Source, store: Store) -> None:
    await store.close()
    assert await source.lookup(Address("new@example.org")) == Outage("keyring", "the store is closed", "keyring")
