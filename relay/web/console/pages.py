"""The pages: each asks the relay for an act and shows what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from markupsafe import Markup, escape

from relay.model.console import Person
from relay.web.console import charts
from relay.web.console.forms import query_of
from relay.web.console.login import redirect
from relay.web.console.relay_link import ActRefused, RelayLink
from relay.web.console.texts import TEXTS
from relay.web.console.view import View
from relay.web.http.messages import Answer, Request

PERIODS = ("day", "week", "month")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is logged in and may open the page."""

    request: Request
    view: View
    person: Person


@dataclass(frozen=True, slots=True)
class Pages:
    """The handlers."""

    link: RelayLink

    async def today(self, visit: Visit) -> Answer:
        """What left how, what waits, which keys end."""
        period = query_of(visit.request).get("period", "day")
        period = period if period in PERIODS else "day"
        told = await self._ask(visit, "figures", {"period": period})
        words = TEXTS[visit.view.language]
        chart = Markup(charts.bars(told["bars"], str(escape(words["today.how"]))))  # noqa: S704  made of numbers and escaped text
        return visit.view.page("today", told=told, period=period, chart=chart, totals=charts.totals(told["bars"]))

    async def messages(self, visit: Visit) -> Answer:
        """Search by address, id, queue id or Message-ID."""
        text = query_of(visit.request).get("q", "")[:300]
        told, fault = await self._try(visit, "messages", {"text": text}, {"rows": []})
        return visit.view.page("messages", rows=told["rows"], q=text, fault=fault)

    async def message(self, visit: Visit) -> Answer:
        """One mail's whole way."""
        told, fault = await self._try(visit, "message", {"id": visit.request.parts["id"]}, {"rows": []})
        return visit.view.page("message", _status(fault), rows=told["rows"], id=visit.request.parts["id"], fault=fault)

    async def held(self, visit: Visit) -> Answer:
        """Who waits for a key."""
        told = await self._ask(visit, "held", {})
        return visit.view.page("held", rows=told["rows"])

    async def keys(self, visit: Visit) -> Answer:
        """Search of keys."""
        text = query_of(visit.request).get("q", "")[:300]
        told = await self._ask(visit, "keys", {"text": text})
        return visit.view.page("keys", rows=told["rows"], q=text)

    async def key(self, visit: Visit) -> Answer:
        """One key in full."""
        told, fault = await self._try(visit, "key", {"fingerprint": visit.request.parts["fingerprint"]}, {"key": None})
        return visit.view.page("key", _status(fault), key=told["key"], fault=fault)

    async def proposals(self, visit: Visit) -> Answer:
        """Keys that wait, each beside what it would replace."""
        told = await self._ask(visit, "proposals", {})
        done = query_of(visit.request).get("done", "")
        done = done if done in {"approved", "rejected"} else ""
        return visit.view.page("proposals", rows=told["rows"], done=done, fault="")

    async def decide(self, visit: Visit, form: Mapping[str, str]) -> Answer:
        """POST /proposals: approve or reject one."""
        act = "approve" if form.get("act") == "approve" else "reject"
        _, fault = await self._try(visit, act, {"fingerprint": form.get("fingerprint", "")}, {})
        if fault:
            told = await self._ask(visit, "proposals", {})
            return visit.view.page("proposals", HTTPStatus.CONFLICT, rows=told["rows"], done="", fault=fault)
        return redirect(f"/proposals?done={'approved' if act == 'approve' else 'rejected'}")

    async def explain(self, visit: Visit) -> Answer:
        """What would happen to a mail."""
        query = query_of(visit.request)
        sender, recipient = query.get("from", "")[:300], query.get("to", "")[:300]
        told, fault = None, ""
        if sender and recipient:
            told, fault = await self._try(visit, "explain", {"from": sender, "to": recipient}, None)
        return visit.view.page("explain", told=told, fault=fault, sender=sender, recipient=recipient)

    async def sources(self, visit: Visit) -> Answer:
        """How the relay is doing."""
        told = await self._ask(visit, "sources", {})
        return visit.view.page("sources", running=told["running"], rows=list(_flat(told["status"])))

    async def audit(self, visit: Visit) -> Answer:
        """Who changed what, and whether the record is whole."""
        changes = await self._ask(visit, "changes", {})
        verdict = await self._ask(visit, "verify", {}) if "verify" in query_of(visit.request) else None
        return visit.view.page("audit", rows=changes["rows"], verdict=verdict)

    async def users(self, visit: Visit) -> Answer:
        """Who may log in."""
        told = await self._ask(visit, "users", {})
        return visit.view.page("users", rows=told["rows"])

    async def user(self, visit: Visit, form: Mapping[str, str]) -> Answer:
        """POST /users: enable or disable one."""
        act = "enable" if form.get("act") == "enable" else "disable"
        await self._try(visit, act, {"name": form.get("name", "")}, {})
        return redirect("/users")

    async def _ask(self, visit: Visit, act: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        return await self.link.ask(visit.person, act, arguments)

    async def _try(self, visit: Visit, act: str, arguments: Mapping[str, str], otherwise: Any) -> tuple[Any, str]:  # noqa: ANN401  JSON
        """What the act says, or instead of it the sentence that says why not."""
        try:
            return await self._ask(visit, act, arguments), ""
        except ActRefused as refused:
            return otherwise, str(refused)


def _status(fault: str) -> HTTPStatus:
    return HTTPStatus.NOT_FOUND if fault else HTTPStatus.OK


def _flat(value: Any, above: str = "") -> Any:  # noqa: ANN401  JSON
    """Each value with the names that lead to it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{above}.{name}" if above else name)
    elif isinstance(value, list):
        yield above, ", ".join(map(str, value))
    else:
        yield above, "" if value is None else str(value)
