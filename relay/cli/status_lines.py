"""The lines of `pgp-relay status` for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from relay.admin.status import Standing
from relay.cli.output import Span
from relay.cli.times import Look

MOST_SHOWN = 10
_TO_DO = {
    "starting": "wait a moment",
    "stopping": "it finishes what is in flight",
    "stalled": "its processes say nothing: see the log, and restart it",
    "workers": "fewer workers run than are configured: see the log",
    "store": "the store takes no rows: pgp-relay check",
    "engine": "GnuPG does not start, or a signing key is gone: pgp-relay check",
    "next_hop": "the next hop does not answer: start it, or see reinject",
}

WORDS = {
    "source_asked": "no keys from {}",
    "looked_up": "keys could not be looked up: {}",
    "next_hop_failed": "the next hop takes no mail: {}",
    "failed": "something failed: {}",
    "rejected": "a mail that cannot be passed on: {}",
    "not_reloaded": "a new configuration was not loaded: {}",
    "untraced": "the store takes no rows of the trace: {}",
    "turn_lost": "another node may have a mail, and it was deferred",
    "locks_lost": "the database ended the session with the locks of mails in hand",
    "nodes_differ": "nodes are not alike: {}",
    "secrets_refused": "secret keys came from a node that is not trusted here: node list",
    "removal_unfinished": "not all keys that a removed node had are replaced: {}",
    "unanswered": "an answer did not reach Postfix",
    "denied": "a client was turned away: see allow",
    "crowded": "too many connections",
    "worker_ended": "a worker ended and is replaced: {}",
    "shadow": "shadow: every mail is passed on unchanged",
    "status_unavailable": "the status socket is another relay's",
    "public_unreachable": "the public web service does not answer: {}",
    "public_event_dropped": "nothing takes what visitors of the public web service send",
    "pickup_answers_limited": "as many answers to pick-ups came today as are handed over: the others wait",
    "proposed": "a key waits to be approved: pgp-relay keys proposals",
}
"""The log events that are warnings or errors, in words for people."""

Told = Mapping[str, Any]


class Line(NamedTuple):
    """What it is about, its text, and a word in front of the text that has a style."""

    label: str
    text: str
    word: Span = ""


def lines(standing: Standing, look: Look) -> Iterator[Line]:
    """Whether it is ready first, what went wrong last."""
    told = standing.told or {}
    yield _relay(told, look)
    yield from _configuration(standing)
    yield Line("now", _now(told))
    if told["nodes"]["running"] > 1:
        yield Line("nodes", _nodes(told["nodes"]))
    yield Line("so far", _so_far(told))
    yield Line("encrypted", f"last {look.moment(told['last_encryption'], 'never')}")
    yield Line("keys", _keys(told["certificates"]))
    yield from _ending(told, look)
    for trouble in told["troubles"][:MOST_SHOWN]:
        yield _trouble(trouble, look)


def _relay(told: Told, look: Look) -> Line:
    lacks, since = told["lacks"], look.moment(told["started"])
    if lacks:
        return Line("relay", f": {_TO_DO.get(lacks, lacks)} (running since {since})", ("not ready", "red"))
    return Line("relay", f", running since {since}", ("ready", "green"))


def _configuration(standing: Standing) -> Iterator[Line]:
    """Nothing where it is the one that the relay reads."""
    for fault in standing.faults:
        yield Line("config", f" on disk, and not in use: {fault}", ("wrong", "red"))
    if standing.changed and not standing.faults:
        yield Line("config", " since the relay read it: systemctl reload pgp-relay", ("changed", "yellow"))


def _now(told: Told) -> str:
    workers = told["workers"]
    return (
        f"{told['per_second']:g} messages a second, {told['in_progress']} in hand, "
        f"{workers['alive']} of {workers['configured']} workers"
    )


def _nodes(nodes: Told) -> str:
    differing = f"{nodes['differing']:g} unlike this one: pgp-relay nodes" if nodes["differing"] else "all alike"
    return f"{nodes['running']:g} run, {differing}"


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


def _ending(told: Told, look: Look) -> Iterator[Line]:
    for key in told["expiring"]:
        yield Line("expiring", f"  {', '.join(key['addresses'])}", (look.day(key["expires"]), "yellow"))
    left = int(told["certificates"]["expiring"]) - len(told["expiring"])
    if left > 0:
        yield Line("expiring", f"and {left} more: pgp-relay keys expiring --within 30d")


def _trouble(trouble: Told, look: Look) -> Line:
    text = WORDS.get(trouble["what"], f"{trouble['what']}: {{}}").format(trouble["details"]).removesuffix(": ")
    often = f" ({trouble['count']} times)" if trouble["count"] > 1 else ""
    return Line("trouble", f"  {text}{often}", look.moment(trouble["last"]))
