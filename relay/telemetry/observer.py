"""Counts log events: the one place that knows which event changes which metric.

It gets every event, also those that the log level leaves out. Takes nothing of a line but the words and numbers named
here: no address and no id ever becomes a label.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from relay.telemetry import catalogue as c
from relay.telemetry.counters import Counters, Trouble
from relay.telemetry.events import Event

Fields = Mapping[str, Any]

_LONGEST = 300
_UNAVAILABLE = "unavailable"
_WITHOUT_REQUESTS = frozenset({"keyring", "lookup"})
"""Sources of which `asked` says nothing: the store, and a lookup that ran out of time."""


class Observer:
    """Counts log lines: it is given to `relay.telemetry.log_output.configure` as `seen`."""

    def __init__(self, counters: Counters, clock: Callable[[], float] = time.time) -> None:
        self.counters = counters
        self.next_hop_down = False
        self._clock = clock
        self._see: dict[str, Callable[[Fields], None]] = {
            Event.RECEIVED: self._received,
            Event.DECIDED: self._decided,
            Event.OPENED: lambda f: counters.observe(c.OPEN_SECONDS, f["seconds"]),
            Event.LOOKED_UP: lambda f: counters.count(c.LOOKUPS, f["source"], _result(f), by=f["recipients"]),
            Event.SOURCE_ASKED: self._asked,
            Event.ENCRYPTED: self._encrypted,
            Event.HANDED_OVER: self._handed_over,
            Event.NEXT_HOP_FAILED: self._next_hop_failed,
            Event.NEXT_HOP_REPLIED: lambda f: counters.count(c.HOP_REPLIES, _reply(f["code"])),
            Event.ANSWERED: self._answered,
            Event.NOTICE_SENT: lambda f: counters.count(c.NOTICES, f["notice"]),
            Event.KEYS_COUNTED: self._counted,
            Event.ENROLMENT: lambda f: counters.count(c.ENROLMENTS, f["result"]),
            Event.HARVESTED: lambda f: counters.count(c.HARVESTED, f["result"]),
            Event.INVITED: lambda _: counters.count(c.INVITATIONS),
            Event.FAILED: lambda _: counters.count(c.FAILURES),
            Event.UNTRACED: lambda f: counters.count(c.UNTRACED, by=f.get("rows", 1)),
            Event.NODES_COUNTED: self._nodes_counted,
            Event.UNANSWERED: lambda _: counters.count(c.UNANSWERED),
            Event.DENIED: lambda _: counters.count(c.TURNED_AWAY, "denied"),
            Event.CROWDED: lambda _: counters.count(c.TURNED_AWAY, "crowded"),
            Event.MEMORY_AWAITED: lambda _: counters.count(c.MEMORY_WAITS),
            Event.WORKER_ENDED: lambda _: counters.count(c.WORKERS_ENDED),
            Event.RELOADED: lambda _: counters.mark(c.RELOADED, 1),
            Event.PUBLIC_UNREACHABLE: lambda _: counters.mark(c.PUBLIC_UP, 0),
            Event.PUBLIC_REACHED: lambda _: counters.mark(c.PUBLIC_UP, 1),
            Event.NOT_RELOADED: lambda _: counters.mark(c.RELOADED, 0),
        }

    def __call__(self, level: str, fields: Fields) -> None:
        """One line of the log."""
        event = fields["event"]
        if see := self._see.get(event):
            see(fields)
        if level in {"warning", "error"} or (fields.get("result") == _UNAVAILABLE and not _told_by_source(fields)):
            self.counters.trouble(Trouble(str(event), _details(fields), 1, self._clock()))

    def next_hop(self, *, up: bool) -> None:
        """Note whether the next hop takes mail."""
        self.next_hop_down = not up
        self.counters.mark(c.HOP_UP, int(up))

    def _nodes_counted(self, fields: Fields) -> None:
        self.counters.mark(c.NODES, fields["running"])
        self.counters.mark(c.NODES_DIFFERING, fields["differing"])

    def _received(self, fields: Fields) -> None:
        self.counters.count(c.MESSAGES)
        self.counters.count(c.OCTETS, by=fields["size"])

    def _decided(self, fields: Fields) -> None:
        self.counters.count(c.RECIPIENTS, fields["action"], fields["rule"])
        if "encryption" in fields:
            self.counters.count(c.MARKS, fields["encryption"], fields["signature"])

    def _asked(self, fields: Fields) -> None:
        self.counters.count(c.REQUESTS, fields["source"], _result(fields))
        self.counters.observe(c.REQUEST_SECONDS, fields["seconds"], fields["source"])

    def _encrypted(self, fields: Fields) -> None:
        self.counters.observe(c.ENCRYPT_SECONDS, fields["seconds"])
        self.counters.mark(c.LAST_ENCRYPTION, self._clock())

    def _next_hop_failed(self, _fields: Fields) -> None:
        self.next_hop(up=False)
        self.counters.count(c.HOP_FAILURES)

    def _handed_over(self, fields: Fields) -> None:
        self.next_hop(up=True)
        self.counters.observe(c.REINJECT_SECONDS, fields["seconds"])

    def _answered(self, fields: Fields) -> None:
        self.counters.observe(c.MESSAGE_SECONDS, fields["seconds"])
        for code, recipients in fields["codes"].items():
            self.counters.count(c.REPLIES, _reply(code), by=recipients)

    def _counted(self, fields: Fields) -> None:
        for state in c.CERTIFICATES.closed:
            self.counters.mark(c.CERTIFICATES, fields[state], state)
        self.counters.soon = fields["soon"]


def _result(fields: Fields) -> str:
    return str(fields["result"]).replace(" ", "_")


def _reply(code: int) -> str:
    return "accepted" if code < 400 else "deferred" if code < 500 else "rejected"


def _told_by_source(fields: Fields) -> bool:
    """The source itself has told why it is unavailable (`asked`)."""
    return fields["event"] == Event.LOOKED_UP and fields["source"] not in _WITHOUT_REQUESTS


def _details(fields: Fields) -> str:
    """The fields that `status` may show; addresses, ids and file names stay in the log."""
    names = (
        ("source", "reason", "worker", "code") if "reason" in fields else ("source", "error", "at", "worker", "code")
    )
    told = [(name, str(value)) for name in names if (value := fields.get(name)) is not None]
    return " ".join(f"{value}:" if name == "source" and told[1:] else value for name, value in told)[:_LONGEST]
