"""When the daily mail is sent, to whom, and what it tells of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lab.fakes import FakeOutlet
from lab.sources import DAY, NOW, fpr, key, read

from relay.daemon.jobs.daily_report import HOUR, DailyReport
from relay.mail.daily_report import Daily
from relay.mail.notice_texts import Language
from relay.model import Address, Entry, Envelope, Mailbox, Origin, Record, Reply, Why
from relay.store import Store

IT = Address("it@hopital.example")


@dataclass
class Desk:
    store: Store
    outlet: FakeOutlet = field(default_factory=FakeOutlet)
    time: float = NOW

    def daily_report(self, contact: Address | None = IT) -> DailyReport:
        daily = Daily(Language.EN, Mailbox.parse("postmaster@hopital.example"), "relay.example")
        return DailyReport(self.store, self.outlet, daily, contact, lambda: self.time)

    async def know(self, *keys: bytes, proposed: bool = False) -> None:
        entries = [Entry(read(k), Origin.IMPORTED, int(NOW), proposed=proposed) for k in keys]
        await self.store.certificates.upsert(entries)

    async def endings(self, since: float | None) -> dict[str, int]:
        report = await self.daily_report().report(since)
        return {one.entry.certificate.fingerprint: one.days for one in report.ending}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made: list[Desk] = []
    async with await Store.open(tmp_path / "s.db", clock=lambda: made[0].time if made else NOW) as store:
        made.append(Desk(store))
        yield made[0]


def record(action: str, reason: str, sender: str = "a@h.example", to: str = "bob@v.example", at: float = NOW) -> Record:
    return Record(at, "id", "", "", sender, to, action, "rule", reason, "", "", "250 2.0.0", 1)


async def test_a_key_is_told_of_once_at_60_30_14_and_3_days(desk: Desk) -> None:
    await desk.know(key(1, "bob@v.example", expires=NOW + 61 * DAY))
    told = []
    since = None
    for _ in range(62):
        told += list((await desk.endings(since)).values())
        since = desk.time
        desk.time += DAY
    assert told == [60, 30, 14, 3]


async def test_days_that_nobody_looked_are_not_lost(desk: Desk) -> None:
    await desk.know(key(1, "bob@v.example", expires=NOW + 31 * DAY))
    assert await desk.endings(None) == {fpr(1): 60}
    desk.time += 20 * DAY
    assert await desk.endings(NOW) == {fpr(1): 14}


async def test_revoked_expired_and_proposed_keys_do_not_expire_soon(desk: Desk) -> None:
    await desk.know(key(1, "a@v.example", expires=NOW + DAY, revoked=True), key(2, "b@v.example", expires=NOW - DAY))
    await desk.know(key(3, "c@v.example", expires=NOW + DAY), proposed=True)
    assert await desk.endings(None) == {}
    assert [e.certificate.fingerprint for e in (await desk.daily_report().report(None)).proposed] == [fpr(3)]


async def test_what_was_refused_or_held_for_want_of_a_key_in_the_last_day_and_nothing_else(desk: Desk) -> None:
    await desk.store.trace.write(
        [
            record("refuse", Why.NO_KEY, at=NOW - 2 * DAY, to="old@v.example"),
            record("refuse", Why.EXPIRED),
            record("hold", Why.EXPIRED, sender="b@h.example"),
            record("refuse", Why.EXPIRED, sender=""),
            record("clear", Why.NO_KEY, to="clear@v.example"),
            record("encrypt", "key found: keyring", to="encrypted@v.example"),
            record("defer", "wkd: down", to="deferred@v.example"),
        ]
    )
    (wanted,) = (await desk.daily_report().report(None)).wanted
    assert (wanted.recipient, wanted.reason, wanted.mails) == ("bob@v.example", Why.EXPIRED, 3)
    assert wanted.senders == ("a@h.example", "b@h.example", "<>")


async def test_one_mail_a_day_over_all_processes_from_the_null_sender(desk: Desk) -> None:
    await desk.know(key(1, "bob@v.example", expires=NOW + DAY), proposed=True)
    for _ in range(23):
        await desk.daily_report().round()
        desk.time += HOUR
    ((envelope, content),) = desk.outlet.sent
    assert envelope.sender is None
    assert [r.address for r in envelope.recipients] == [IT]
    assert b"Auto-Submitted: auto-generated" in content
    desk.time += 2 * HOUR
    await desk.daily_report().round()
    assert len(desk.outlet.sent) == 2


async def test_nothing_to_tell_is_no_mail_and_what_comes_up_is_told_within_the_hour(desk: Desk) -> None:
    await desk.daily_report().round()
    assert desk.outlet.sent == []
    await desk.know(key(1, "bob@v.example"), proposed=True)
    desk.time += HOUR + 1
    await desk.daily_report().round()
    assert len(desk.outlet.sent) == 1


async def test_no_contact_is_no_mail(desk: Desk) -> None:
    await desk.know(key(1, "bob@v.example"), proposed=True)
    await desk.daily_report(None).round()
    assert desk.outlet.sent == []


@pytest.mark.parametrize("how", ["unreachable", "deferred"])
async def test_a_mail_that_is_not_taken_is_tried_again_with_all_it_had_to_tell(desk: Desk, how: str) -> None:
    def defer(_: Envelope, __: bytes) -> tuple[Reply, ...]:
        return (Reply(451, "4.3.0", "later"),)

    await desk.know(key(1, "bob@v.example", expires=NOW + DAY))
    desk.outlet.down = how == "unreachable"
    desk.outlet.answer = defer if how == "deferred" else None
    await desk.daily_report().round()
    desk.outlet = FakeOutlet()
    await desk.daily_report().round()
    assert desk.outlet.sent == [], "not at once"
    desk.time += 601
    await desk.daily_report().round()
    ((_, content),) = desk.outlet.sent
    assert fpr(1).encode() in content
