"""The lines of `pgp-relay status` for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from relay.admin.status import Ending
from relay.cli.output import Span
from relay.cli.times import Look

MOST_SHOWN = 10
_TO_DO = {
    "starting": "wait a moment",
    "stopping": "it finishes what is in flight",
    "stalled": "its processes say nothing: see the log, and restart it",
    "store": "the store cannot be read: pgp-relay check",
    "engine": "GnuPG does not start, or a signing key is gone: pgp-relay check",
    "next_hop": "the next hop does not answer: start it, or see reinject",
}

Told = Mapping[str, Any]


class Line(NamedTuple):
    """What it is about, its text, and a word in front of the text that has a style."""

    label: str
    text: str
    word: Span = ""


def lines(told: Told, keys: Ending, look: Look) -> Iterator[Line]:
    """Whether it is ready first, what went wrong last."""
    yield _relay(told, look)
    yield Line("now", _now(told))
    yield Line("so far", _so_far(told))
    yield Line("encrypted", f"last {look.moment(told['last_encryption'], 'never')}")
    yield Line("keys", _keys(told["certificates"]))
    yield from _ending(keys, look)
    for trouble in told["troubles"][:MOST_SHOWN]:
        when = look.moment(trouble["last"])
        yield Line("trouble", f"{when}  {trouble['what']} x{trouble['count']}  {trouble['details']}")


def _relay(told: Told, look: Look) -> Line:
    lacks, since = told["lacks"], look.moment(told["started"])
    if lacks:
        return Line("relay", f": {_TO_DO.get(lacks, lacks)} (running since {since})", ("not ready", "red"))
    return Line("relay", f", running since {since}", ("ready", "green"))


def _now(told: Told) -> str:
    workers = told["workers"]
    return (
        f"{told['per_second']:g} messages a second, {told['in_progress']} in hand, "
        f"{workers['alive']} of {workers['configured']} workers"
    )


def _so_far(told: Told) -> str:
    replies = told["replies"]
    return (
        f"{told['messages']:g} messages; recipients: {replies['accepted']:g} served, "
        f"{replies['deferred']:g} deferred, {replies['rejected']:g} rejected"
    )


def _keys(counted: Told) -> str:
    return (
        f"{counted['usable']:g} usable, {counted['expiring']:g} expiring within 30 days, "
        f"{counted['unusable']:g} unusable, {counted['proposed']:g} to approve"
    )


def _ending(keys: Ending, look: Look) -> Iterator[Line]:
    if keys.unread:
        yield Line("expiring", f"not told: {keys.unread}")
    for entry in keys.entries[:MOST_SHOWN]:
        addresses = ", ".join(address.text for address in entry.certificate.addresses)
        yield Line("expiring", f"  {addresses}", (look.day(entry.certificate.expires), "yellow"))
    if len(keys.entries) > MOST_SHOWN:
        yield Line("expiring", f"and {len(keys.entries) - MOST_SHOWN} more: pgp-relay keys expiring")
