"""Pages about the relay itself: its policy, its sources and nodes, its audit trail, the console's users."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from relay.web.console.visit import Visit
from relay.web.http.messages import Answer

_KINDS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


async def policy(visit: Visit) -> Answer:
    """The rules in their order, and the mails that each decided."""
    told, fault = await visit.attempt("policy", {}, {"rows": [], "others": {}, "file": ""})
    return visit.page("policy", told=told, fault=fault)


async def sources(visit: Visit) -> Answer:
    """How the relay and its nodes are doing."""
    told = await visit.ask("sources")
    return visit.page("sources", told=told, rows=list(_flat(told["status"])))


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


async def users(visit: Visit, fault: str = "") -> Answer:
    """The users of the console."""
    status = HTTPStatus.CONFLICT if fault else HTTPStatus.OK
    return visit.page("users", status, rows=(await visit.ask("users"))["rows"], fault=fault)


def _flat(value: Any, above: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401  JSON
    """Each value of nested dictionaries, with the path of names that leads to it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{above}.{name}" if above else name)
    elif isinstance(value, list):
        yield above, ", ".join(map(str, value))
    else:
        yield above, "" if value is None else str(value)
