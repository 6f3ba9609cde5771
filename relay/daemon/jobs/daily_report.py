"""Sends the daily report: collects its content from the store and hands it to the next hop.

At most one mail a day over all processes and restarts; none where there is nothing to report or `notices.contact` holds
no address. One that the next hop does not take is tried again. A key is reported 60, 30, 14 and 3 days before it
expires; a proposal or a held mail is reported until it is decided.

Raises `StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from relay.mail.daily_report import DAYS, MOST, Daily, Ending, Report, Wanted
from relay.model import Address, Entry, Envelope, Recipient, Why
from relay.model.binding import patterns_by_key
from relay.model.envelope import NULL_SENDER
from relay.model.errors import NextHopError
from relay.pipeline.ports import Outlet
from relay.store import Selection, Store
from relay.telemetry import events
from relay.telemetry.events import Event

DUTY = "daily mail"
LEASE = 600.0
DAY = 24 * 3600.0
HOUR = 3600.0
_MOST_READ = 10 * MOST
_REASONS = frozenset(why.value for why in Why)


@dataclass(slots=True)
class _Want:
    reason: str
    binding: str
    mails: int = 0
    senders: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DailyReport:
    """`round` every minute or so."""

    store: Store
    outlet: Outlet
    daily: Daily
    contact: Address | None
    clock: Callable[[], float] = time.time

    async def round(self) -> None:
        """Send the report, where it is due and there is something to report."""
        if self.contact is None:
            return
        taken = await self.store.leases.take(DUTY, LEASE)
        if taken is None:
            return
        report = await self.report(taken.last_done)
        if report.empty:
            await self.store.leases.done(DUTY, HOUR)
        elif await self._send(report, self.contact):
            await self.store.leases.done(DUTY, DAY)

    async def report(self, since: float | None) -> Report:
        """The content of a report that covers the time since `since`."""
        now = self.clock()
        entries = await self.store.certificates.expiring(DAYS[0] * DAY)
        bound = patterns_by_key(await self.store.bindings.all())
        endings = [_ending(entry, since, now, bound) for entry in entries if not entry.proposed]
        return Report(
            ending=[ending for ending in endings if ending],
            wanted=await self._wanted(now - DAY),
            proposed=[proposal.entry for proposal in await self.store.certificates.proposed(_MOST_READ)],
            unread=await self.store.pickups.unread(now),
        )

    async def _wanted(self, since: float) -> list[Wanted]:
        wants: dict[str, _Want] = {}
        async for record in self.store.trace.select(Selection(since=since)):
            if record.action not in {"refuse", "hold"} or record.reason not in _REASONS:
                continue
            if record.recipient not in wants and len(wants) >= _MOST_READ:
                continue
            want = wants.setdefault(record.recipient, _Want(record.reason, record.binding))
            want.mails += 1
            if len(want.senders) < MOST:
                want.senders[record.sender or NULL_SENDER] = None
        return [Wanted(to, want.reason, tuple(want.senders), want.mails, want.binding) for to, want in wants.items()]

    async def _send(self, report: Report, contact: Address) -> bool:
        options = () if contact.is_ascii else ("SMTPUTF8",)
        envelope = Envelope(None, (Recipient(contact, ("NOTIFY=NEVER",)),), options)
        content = self.daily.compose(report, contact, self.clock())
        try:
            (reply,) = await self.outlet.send(envelope, content)
        except NextHopError as error:
            events.log().warning(Event.NEXT_HOP_FAILED, recipients=1, **events.unforeseen(error))
            return False
        events.log().info(Event.DAILY_REPORT_SENT, recipient=contact.text, code=reply.code)
        return not reply.temporary


def _ending(entry: Entry, since: float | None, now: float, bound: Mapping[str, Sequence[str]]) -> Ending | None:
    """The warning for a key that has come within one of the marks (`DAYS`) since the last report; else None."""
    expires = entry.certificate.expires
    if expires is None or entry.certificate.unusable(now):
        return None
    reached = [days for days in DAYS if expires - days * DAY <= now]
    if not reached or (since is not None and expires - reached[-1] * DAY <= since):
        return None
    return Ending(entry, reached[-1], tuple(bound.get(entry.certificate.fingerprint, ())))
