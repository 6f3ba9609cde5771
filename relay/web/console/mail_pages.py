"""Pages about mails: today's figures, the search for a mail, the mails that wait, explain."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from markupsafe import Markup, escape

from relay.web.console import charts
from relay.web.console.texts import TEXTS
from relay.web.console.visit import LONGEST, Visit
from relay.web.http.messages import Answer
from relay.web.pages import dates

PERIODS = ("day", "week", "month")
_EMPTY: dict[str, list[object]] = {"rows": []}


async def today(visit: Visit) -> Answer:
    """Today: figures, the mails that wait, the keys that expire soon, what does not work."""
    period = visit.asked("period")
    period = period if period in PERIODS else "day"
    told = await visit.ask("figures", period=period)
    health, _ = await visit.attempt("sources", {}, {"running": False, "status": {}, "nodes": []})
    words = TEXTS[visit.view.language]
    times = [_beginning(told, number, period, visit.view.language) for number in range(len(told["bars"]))]
    drawn = charts.bars(told["bars"], str(escape(words["today.how"])), [str(escape(each)) for each in times])
    return visit.page(
        "today",
        told=told,
        period=period,
        health=health,
        chart=Markup(drawn),  # noqa: S704  made of numbers and escaped text
        totals=charts.totals(told["bars"]),
        times=times,
        most=max((sum(bar.values()) for bar in told["bars"]), default=0),
    )


def _beginning(told: dict[str, float], number: int, period: str, language: str) -> str:
    """The beginning of a bar, in local time."""
    at = datetime.fromtimestamp(told["since"] + number * told["width"], UTC).astimezone()
    if period == "day":
        return f"{at:%H:%M}"
    return dates.short_day(at, language) + (f" {at:%H:%M}" if period == "week" else "")


async def messages(visit: Visit) -> Answer:
    """The search for mails by address, id, queue id or Message-ID, within a time."""
    asked = {name: visit.asked(name) for name in ("text", "since", "until")}
    told, fault = await visit.attempt("messages", asked, _EMPTY)
    return visit.page("messages", rows=told["rows"], asked=asked, fault=fault)


async def message(visit: Visit) -> Answer:
    """All that was decided about one mail."""
    one = visit.request.parts["id"]
    told, fault = await visit.attempt("message", {"id": one}, _EMPTY)
    status = HTTPStatus.NOT_FOUND if fault else HTTPStatus.OK
    return visit.page("message", status, rows=told["rows"], counts=outcomes(told["rows"]), id=one, fault=fault)


def outcomes(rows: Sequence[Mapping[str, str]]) -> list[tuple[str, int]]:
    """How many recipients each decision is the newest of; nothing for a single one. The oldest row is the first."""
    last = {row["recipient"]: row["action"] for row in rows if row["action"] in charts.ORDER}
    return charts.totals([Counter(last.values())]) if len(last) > 1 else []


async def held(visit: Visit) -> Answer:
    """The mails that wait for a key, and the pick-ups that wait for their readers."""
    mails, pickups = await visit.ask("held"), await visit.ask("pickups")
    return visit.page("held", mails=mails, pickups=pickups)


async def explain(visit: Visit) -> Answer:
    """What would happen to a mail between two addresses."""
    return await _explained(visit, visit.asked("from"), visit.asked("to"), b"")


async def explain_file(visit: Visit, form: Mapping[str, bytes]) -> Answer:
    """POST /explain: the same for a whole mail. It is sent to the relay's side, and stored nowhere."""
    sender, recipient = (form.get(name, b"").decode("utf-8", "replace")[:LONGEST] for name in ("from", "to"))
    return await _explained(visit, sender, recipient, form.get("file", b""))


async def _explained(visit: Visit, sender: str, recipient: str, mail: bytes) -> Answer:
    told, fault = None, ""
    if sender and recipient:
        given = {"from": sender, "to": recipient, "data": base64.b64encode(mail).decode("ascii")}
        told, fault = await visit.attempt("explain", given, None)
    return visit.page("explain", told=told, fault=fault, sender=sender, recipient=recipient)
