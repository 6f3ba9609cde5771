"""Pages about the relay itself: its policy, its sources and nodes, its audit trail, the console's users."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from relay.web.console.visit import Visit
from relay.web.http.messages import Answer

_KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_TIMES = frozenset({"started", "last_encryption", "last", "expires"})
"""The names of values that are times, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Detail:
    """A value that the relay reports about itself."""

    name: str
    text: str = ""
    at: float | None = None
    """A time, shown in place of the text."""


async def policy(visit: Visit) -> Answer:
    """The rules in their order, and the mails that each decided."""
    told, fault = await visit.attempt("policy", {}, {"rows": [], "others": {}, "file": ""})
    return visit.page("policy", told=told, fault=fault)


async def sources(visit: Visit) -> Answer:
    """How the relay and its nodes are doing."""
    told = await visit.ask("sources")
    return visit.page("sources", told=told, rows=list(details(told["status"])))


async def audit(visit: Visit) -> Answer:
    """The changes with their actors, and whether the audit trail is intact."""
    changes = await visit.ask("changes")
    verdict = await visit.ask("verify") if visit.asked("verify") else None
    return visit.page("audit", rows=changes["rows"], verdict=verdict)


async def export(visit: Visit) -> Answer:
    """The changes as a file."""
    kind = visit.request.parts["kind"]
    told = await visit.ask("export", kind=kind)
    name = f'attachment; filename="pgp-relay-audit.{kind}"'
    return Answer(HTTPStatus.OK, told["text"].encode(), _KINDS[kind], {"Content-Disposition": name})


async def users(visit: Visit) -> Answer:
    """The users of the console."""
    return visit.page("users", rows=(await visit.ask("users"))["rows"])


def details(value: Any, above: str = "") -> Iterator[Detail]:  # noqa: ANN401  JSON
    """Each value of nested dictionaries and lists of them, with the path of names that leads to it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from details(inner, f"{above}.{name}" if above else name)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for number, inner in enumerate(value, 1):
            yield from details(inner, f"{above}.{number}")
    elif value and above.rpartition(".")[2] in _TIMES:
        yield Detail(above, at=value)
    else:
        yield Detail(above, _text(value))


def _text(value: Any) -> str:  # noqa: ANN401  JSON
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
