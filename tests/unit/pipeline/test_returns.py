"""Opened mail leaves with a return path of ours, and what comes back there is told to the true sender, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from lab.fakes import FakeOutlet, inbound
from lab.incoming import IncomingBed
from lab.outgoing import NOTICES

from relay.model import Envelope, Reply
from relay.model.errors import StoreError, TurnLost
from relay.model.return_path import ReturnPath
from relay.pipeline.next_hop import NextHop
from relay.pipeline.own_notices import OwnNotices
from relay.pipeline.returns import ReturnPaths, Returns
from relay.pipeline.transaction import Transaction
from relay.store import Store

MARTIN = "dr.martin@hopital.example"
DESK = "accueil@hopital.example"
SENDER = "bob@ville.example"
PATH = ReturnPath(("hopital.example",))
CLOSED = (
    b"From: Bob <bob@ville.example>\r\nTo: dr.martin@hopital.example\r\nMessage-ID: <1@ville.example>\r\n"
    b"Subject: [...]\r\n\r\nciphertext\r\n"
)
OPENED = CLOSED.replace(b"[...]", b"canary").replace(b"ciphertext", b"canary")
BOUNCE = (
    b'Auto-Submitted: auto-replied\r\nContent-Type: multipart/report; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
    b"Final-Recipient: rfc822; inner@hopital.example\r\nOriginal-Recipient: rfc822;DR.Martin@Hopital.example\r\n"
    b"Action: failed\r\nStatus: 5.2.2\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    b"Subject: canary\r\n\r\n--b--\r\n"
)


class Bench:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.outlet = FakeOutlet()
        self.paths = ReturnPaths(PATH, store.opened_mail, store.opened_mail)
        self.own = OwnNotices(store.ledger)
        self.returns = Returns(PATH, store.opened_mail, NOTICES, self.own, NextHop(self.outlet))

    async def opened(self, *recipients: str, sender: str | None = SENDER) -> Envelope:
        received = inbound(*recipients, content=CLOSED, sender=sender, id_="opened")
        return await self.paths.of(received, received.envelope.recipients, OPENED)

    async def back(self, *to: str, content: bytes = BOUNCE, sender: str | None = None) -> list[int]:
        transaction = Transaction(inbound(*to, content=content, sender=sender))
        async for _ in self.returns.take(transaction):
            pass
        return [
            transaction.replies[index].code if index in transaction.replies else 0 for index in transaction.everyone
        ]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with await Store.open(tmp_path / "s.db") as store:
        yield Bench(store)


def path_of(envelope: Envelope) -> str:
    assert envelope.sender
    return envelope.sender.text


async def test_the_mail_has_a_return_path_of_ours_and_is_known_from_then_on(bench: Bench) -> None:
    first, second = await bench.opened(MARTIN), await bench.opened(MARTIN)
    assert first.sender
    assert PATH.token_in(first.sender)
    assert path_of(first) != path_of(second)
    assert first.options == ("RET=HDRS",)
    assert [one.address.text for one in first.recipients] == [MARTIN]
    assert await bench.store.opened_mail.knows(["1@ville.example"])


async def test_a_null_sender_stays_and_the_mail_is_known_all_the_same(bench: Bench) -> None:
    assert (await bench.opened(MARTIN, sender=None)).sender is None
    assert await bench.store.opened_mail.knows(["1@ville.example"])


async def test_a_bounce_is_told_to_the_true_sender_without_what_was_inside_and_once(bench: Bench) -> None:
    path = path_of(await bench.opened(MARTIN))
    assert await bench.back(path.upper()) == [250]
    ((envelope, notice),) = bench.outlet.sent
    assert envelope.sender is None
    assert [(one.address.text, one.options) for one in envelope.recipients] == [(SENDER, ("NOTIFY=NEVER",))]
    assert b"canary" not in notice
    assert b"inner@" not in notice
    assert b"Final-Recipient: rfc822; dr.martin@hopital.example\r\nAction: failed\r\nStatus: 5.2.2" in notice
    assert b"In-Reply-To: <1@ville.example>" in notice
    assert await bench.back(path) == [250]
    assert len(bench.outlet.sent) == 1


async def test_each_of_several_recipients_is_told_of_once(bench: Bench) -> None:
    path = path_of(await bench.opened(MARTIN, DESK))
    for _ in range(2):
        assert await bench.back(path) == [250]
    assert [DESK.encode() in notice for _, notice in bench.outlet.sent] == [False]
    assert await bench.back(path, content=BOUNCE.replace(b"DR.Martin@H", b"accueil@h")) == [250]
    assert [DESK.encode() in notice for _, notice in bench.outlet.sent] == [False, True]


async def test_a_bounce_that_names_nobody_is_about_all(bench: Bench) -> None:
    path = path_of(await bench.opened(MARTIN, DESK))
    assert await bench.back(path, content=b"Subject: failure notice\r\n\r\nno\r\n") == [250]
    ((_, notice),) = bench.outlet.sent
    assert MARTIN.encode() in notice
    assert DESK.encode() in notice


@pytest.mark.parametrize(
    ("content", "sender"),
    [
        (BOUNCE, "somebody@ville.example"),
        (BOUNCE.replace(b"failed", b"delayed"), None),
        (b"Auto-Submitted: auto-replied\r\n\r\nI am away.\r\n", None),
    ],
    ids=["not from the null sender", "a delay", "an automatic answer"],
)
async def test_what_is_no_bounce_does_nothing_and_leaves_the_token(
    bench: Bench, content: bytes, sender: str | None
) -> None:
    path = path_of(await bench.opened(MARTIN))
    assert await bench.back(path, content=content, sender=sender) == [250]
    assert bench.outlet.sent == []
    await bench.back(path)
    assert len(bench.outlet.sent) == 1


async def test_a_forged_token_does_nothing(bench: Bench) -> None:
    await bench.opened(MARTIN)
    assert await bench.back(f"postmaster+{'a' * 26}@hopital.example") == [250]
    assert bench.outlet.sent == []


async def test_other_recipients_are_left_alone(bench: Bench) -> None:
    path = path_of(await bench.opened(MARTIN))
    assert await bench.back("postmaster@hopital.example", path, MARTIN) == [0, 250, 0]


async def test_while_the_next_hop_does_not_take_the_notice_the_bounce_waits(bench: Bench) -> None:
    path = path_of(await bench.opened(MARTIN))
    bench.outlet.down = True
    assert await bench.back(path) == [451]
    bench.outlet.down = False
    bench.outlet.answer = lambda _envelope, _content: (Reply(550, "5.1.1", "no"),)
    assert await bench.back(path) == [451]
    bench.outlet.answer = None
    assert await bench.back(path) == [250]
    assert len(bench.outlet.sent) == 2


async def test_while_the_store_is_away_nothing_goes_on(bench: Bench) -> None:
    path = path_of(await bench.opened(MARTIN))
    await bench.store.database.write(lambda c: c.exec_driver_sql("DROP TABLE return_token"))
    with pytest.raises(StoreError):
        await bench.back(path)
    with pytest.raises(StoreError):
        await bench.opened(MARTIN)
    assert bench.outlet.sent == []


async def test_parameters_of_the_envelope_are_told_as_they_came(bench: Bench) -> None:
    received = inbound(MARTIN, content=CLOSED, sender=SENDER)
    received = replace(received, envelope=replace(received.envelope, options=("RET=FULL", "ENVID=QQ314159")))
    envelope = await bench.paths.of(received, received.envelope.recipients, OPENED)
    await bench.back(path_of(envelope))
    assert b"Original-Envelope-Id: QQ314159\r\n" in bench.outlet.sent[0][1]


async def test_the_notice_is_known_on_the_outgoing_way_for_its_recipient_from_the_null_sender(bench: Bench) -> None:
    await bench.back(path_of(await bench.opened(MARTIN)))
    ((_, notice),) = bench.outlet.sent
    with_received = b"Received: from x by y\r\n" + notice

    async def among(content: bytes, sender: str | None, *to: str) -> frozenset[int]:
        return await bench.own.among(Transaction(inbound(*to, content=content, sender=sender)))

    assert await among(with_received, None, SENDER.upper(), "other@ville.example") == {0}
    assert await among(with_received, "a@hopital.example", SENDER) == frozenset()
    assert await among(with_received + b"more", None, SENDER) == frozenset()
    assert await among(notice.partition(b"\r\n\r\n")[0] + b"\r\n\r\ntext\r\n", None, SENDER) == frozenset()


async def test_a_turn_lost_at_the_second_return_path_left_no_row_of_the_first_whose_notice_had_gone(
    bench: Bench, tmp_path: Path
) -> None:
    paths = [path_of(await bench.opened(address)) for address in (MARTIN, DESK)]
    bed = IncomingBed(tmp_path)

    def lost_at_the_second(envelope: Envelope, _content: bytes) -> tuple[Reply, ...]:
        if bench.outlet.sent:
            raise TurnLost("not ours any more")
        return tuple(Reply(250, "2.0.0", "Ok") for _ in envelope.recipients)

    bench.outlet.answer = lost_at_the_second
    bounced = inbound(*paths, content=b"Subject: failure notice\r\n\r\nno\r\n", sender=None)
    attempt = replace(bed.pipeline(), returns=bench.returns).begin(bounced)
    assert [reply.code for reply in await attempt.replies()] == [250, 451]
    await attempt.settle(delivered=True)
    assert len(bench.outlet.sent) == 1
    assert [(row.recipient, row.action, row.reply) for row in bed.trail.records] == [(paths[0], "pass", "250 2.0.0")]
