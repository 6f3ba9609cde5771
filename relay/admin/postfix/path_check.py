"""Whether mail meets the relay: a probe by each way in for an address of each kind, and what became of each.

The relay does not deliver a probe that it meets (`relay.mail.probe`). One that has left Postfix's queue and was not
seen by the relay went elsewhere; one that is still in the queue waits for the relay, or for another host.
Raises `PostfixError` and `StoreError`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from relay.admin.postfix.address_kinds import Kind, Kinds, Sample
from relay.admin.postfix.behind import is_behind
from relay.admin.postfix.entry_points import NotTaken, Way, mx_way, ways
from relay.admin.postfix.folder import parameter
from relay.admin.postfix.queue import queued
from relay.admin.postfix.settings import TRANSPORT
from relay.mail import probe
from relay.model.errors import PostfixError
from relay.pipeline.ports import Ledger

_EVERY = 0.5
"""Seconds between two looks."""
_LOOKS = 2
"""Looks in a row that miss it before it counts as gone: a file that moves between two queues may be in neither."""

Queue = Sequence[dict[str, Any]]
"""What waits, as `postqueue -j` prints it."""


class Outcome(StrEnum):
    """What became of a probe."""

    MET = "met"
    PASSED = "passed"
    """It left and did not meet the relay."""
    INSIDE = "inside"
    """The same for an address that does not leave, where only what leaves has to meet the relay."""
    WAITS = "waits"
    REFUSED = "refused"
    """Postfix did not take it."""
    FORGED = "forged"
    """It met the relay, and forged results of authentication in it would have been believed."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test mail."""

    way: str
    sample: Sample
    outcome: Outcome
    seen: tuple[str, ...] = ()
    """The recipients that the relay saw."""
    detail: str = ""
    """Why it was refused, or waits."""


@dataclass(frozen=True, slots=True)
class _Sent:
    way: Way
    sample: Sample
    sender: str
    token: str
    queue_id: str
    missed: int = 0
    """Looks in a row that did not find it in the queue."""

    def reason(self, queue: Queue) -> str | None:
        """Why it waits; None where it is not in the queue."""
        found = next((entry for entry in queue if self._is(entry)), None)
        if found is None:
            return None
        return next((each["delay_reason"] for each in found["recipients"] if "delay_reason" in each), "")

    def _is(self, entry: dict[str, Any]) -> bool:
        """sendmail(1) names no queue id; of an alias the queue has the address behind it."""
        if self.queue_id:
            return bool(entry["queue_id"] == self.queue_id)
        ours = entry["sender"] == (self.sender or "MAILER-DAEMON")
        named = any(each["address"] == self.sample.address for each in entry["recipients"])
        return ours and (named or self.sample.kind is Kind.ALIAS)


async def check(folder: Path, ledger: Ledger, addresses: Sequence[str], sender: str, seconds: float) -> list[Result]:
    """Send all, and look until each has its outcome or the time is over."""
    everything = _takes_everything(folder)
    kinds = Kinds(folder)
    samples = [kinds.sample(address) for address in addresses] or list(kinds.samples())
    tried = [await _send(ledger, way, sample, sender) for way in ways(folder) for sample in samples]
    if is_behind(folder):  # what the other filter hands back has a new queue id
        tried = [replace(each, queue_id="") if isinstance(each, _Sent) else each for each in tried]
    results = await _followed(folder, ledger, tried, seconds)
    return [result if everything or result.sample.leaves else _excused(result) for result in results]


@dataclass(frozen=True, slots=True)
class InboundProbes:
    """Mail as from outside, with results of authentication that the server of this identifier never wrote."""

    authserv_id: str
    addresses: Sequence[str]
    sender: str = ""


async def check_inbound(folder: Path, ledger: Ledger, probes: InboundProbes, seconds: float) -> list[Result]:
    """The same for mail from outside, through the MX."""
    kinds, way = Kinds(folder), mx_way(folder)
    samples = map(kinds.sample, probes.addresses)
    tried = [await _send(ledger, way, sample, probes.sender, probes.authserv_id) for sample in samples]
    return await _followed(folder, ledger, tried, seconds)


async def _followed(folder: Path, ledger: Ledger, tried: Sequence[_Sent | Result], seconds: float) -> list[Result]:
    results = [each for each in tried if isinstance(each, Result)]
    under_way = [each for each in tried if isinstance(each, _Sent)]
    ends = time.monotonic() + seconds
    while under_way:
        last = time.monotonic() > ends
        queue = await asyncio.to_thread(queued, folder)
        looked = [_judged(each, queue, await _seen(ledger, each), last=last) for each in under_way]
        results += [each for each in looked if isinstance(each, Result)]
        under_way = [each for each in looked if isinstance(each, _Sent)]
        await asyncio.sleep(_EVERY if under_way else 0)
    return results


def _takes_everything(folder: Path) -> bool:
    """Whether all mail has to meet the relay, or only what leaves."""
    for name, everything in (("content_filter", True), ("default_transport", False)):
        if parameter(folder, name).startswith(f"{TRANSPORT}:"):
            return everything
    if is_behind(folder):
        return True
    raise PostfixError("the relay is not part of this Postfix: `pgp-relay postfix install` comes first")


async def _send(ledger: Ledger, way: Way, sample: Sample, sender: str, forged_id: str = "") -> _Sent | Result:
    token = probe.new_token()
    await ledger.record(probe.digest(token), [probe.REGISTERED_INBOUND if forged_id else probe.REGISTERED])
    content = probe.write(token, sender, sample.address, forged_id)
    try:
        queue_id = await asyncio.to_thread(way.send, sender, sample.address, content)
    except NotTaken as error:
        return Result(str(way), sample, Outcome.REFUSED, detail=str(error))
    return _Sent(way, sample, sender, token, queue_id)


async def _seen(ledger: Ledger, sent: _Sent) -> tuple[str, ...]:
    return tuple(sorted(await ledger.served(probe.digest(sent.token)) - {probe.REGISTERED, probe.REGISTERED_INBOUND}))


def _judged(sent: _Sent, queue: Queue, seen: tuple[str, ...], *, last: bool) -> _Sent | Result:
    """Its outcome, or that it is still under way; the store was asked after the queue."""
    reason = sent.reason(queue)
    missed = sent.missed + 1 if reason is None else 0
    if probe.FORGED in seen:
        return Result(str(sent.way), sent.sample, Outcome.FORGED, tuple(each for each in seen if each != probe.FORGED))
    if seen:
        return Result(str(sent.way), sent.sample, Outcome.MET, seen=seen)
    if missed >= _LOOKS:
        return Result(str(sent.way), sent.sample, Outcome.PASSED)
    if last:
        return Result(str(sent.way), sent.sample, Outcome.WAITS, detail=reason or "")
    return replace(sent, missed=missed)


def _excused(result: Result) -> Result:
    return replace(result, outcome=Outcome.INSIDE) if result.outcome is Outcome.PASSED else result
