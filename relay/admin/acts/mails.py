"""Acts about mails: figures, the history of a mail, the mails that wait."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime

from relay.admin import held, keys, nodes, trace
from relay.admin.acts.figures import PERIODS, by_action, by_rule
from relay.admin.acts.keys import brief
from relay.admin.acts.site import MOST, Arguments, Json, Site, WrongAct, address, octets, wanted
from relay.admin.explain import Explanation, ordinary
from relay.admin.explain import explain as explained
from relay.admin.nodes import Standing
from relay.model import Envelope, Recipient
from relay.store import Selection, Store
from relay.telemetry.status_client import ask

SOON = 30 * 86400.0
SHOWN = 10
"""The most keys that the first page names."""
_ID = re.compile(r"[0-9A-Za-z]{5,40}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d)?")


async def figures(site: Site, given: Arguments) -> Json:
    """Mails by decision, for each bar of the period and for each rule; mails that wait; keys that expire soon."""
    period = given.get("period", "day")
    period = period if period in PERIODS else "day"
    since, bars = await site.figures.bars(site.store.trace, period)
    return {
        "since": since,
        "width": PERIODS[period][0],
        "bars": [by_action(bar) for bar in bars],
        "rules": by_rule(bars),
        "held": len(await held.held(site.config, site.store)),
        "proposed": await site.store.certificates.count_proposed(),
        "ending": await site.store.certificates.count_expiring(SOON),
        "expiring": [brief(entry) for entry in await keys.expiring(site.store, SOON, SHOWN)],
    }


async def sources(site: Site, given: Arguments) -> Json:
    """The state that the running relay reports about itself, and the nodes that share the store."""
    del given
    told = await _asked(site)
    standings = await nodes.standings(site.store)
    return {"running": told is not None, "status": told or {}, "nodes": [_node(each) for each in standings]}


async def messages(site: Site, given: Arguments) -> Json:
    """The newest decisions about what a text names; without one, of all.

    `text`: an address, an id, a queue id or a Message-ID. `since`, `until`: local times such as 2026-11-30 or
    2026-11-30T14:00.
    """
    within = Selection(since=_moment(given, "since"), until=_moment(given, "until"), newest=MOST)
    found: dict[tuple[object, ...], Json] = {}
    for selection in _naming(given.get("text", "").strip(), within):
        for row in await _rows(site.store, selection):
            found[row["time"], row["id"], row["recipient"], row["action"]] = row
    return {"rows": sorted(found.values(), key=_when)[-MOST:][::-1]}


def _naming(text: str, within: Selection) -> Sequence[Selection]:
    if not text:
        return [within]
    if ">" in text or text.startswith("<"):
        return [replace(within, message_id=text)]
    if "@" in text:
        one = address(text).text
        return [replace(within, recipient=one), replace(within, sender=one), replace(within, message_id=f"<{text}>")]
    if _ID.fullmatch(text):
        return [replace(within, id=text), replace(within, queue_id=text)]
    raise WrongAct("write an address, an id, a queue id or a Message-ID")


async def message(site: Site, given: Arguments) -> Json:
    """All decisions about one mail, its retries included."""
    first = await _rows(site.store, Selection(id=wanted(given, "id"), newest=MOST))
    if not first:
        raise WrongAct("no mail of the audit trail has this id")
    named = next((row["message_id"] for row in first if row["message_id"]), "")
    again = await _rows(site.store, Selection(message_id=named, newest=MOST)) if named else []
    rows = {(row["time"], row["id"], row["recipient"]): row for row in (*first, *again)}
    return {"rows": sorted(rows.values(), key=_when)}


async def waiting(site: Site, given: Arguments) -> Json:
    """The mails that wait for a key."""
    del given
    found = await held.held(site.config, site.store)
    return {"rows": [asdict(each) for each in found[:MOST]], "all": len(found)}


async def release(site: Site, given: Arguments) -> Json:
    """Have Postfix retry a held mail now."""
    sent = await held.send_again(site.config, site.store, {wanted(given, "queue_id")}, site.actor)
    if not sent:
        raise WrongAct("Postfix was not asked: the mail no longer waits, or postqueue may not be run here")
    return {"recipients": [each.recipient for each in sent]}


async def explain(site: Site, given: Arguments) -> Json:
    """What would happen to a mail from one address to another.

    `data` is the mail (base64); without it, an ordinary mail is assumed.
    """
    sender, recipient = address(wanted(given, "from")), address(wanted(given, "to"))
    content = octets(given, "data") or ordinary(sender.text)
    return _explained(await explained(site.config, Envelope(sender, (Recipient(recipient),)), content))


async def _asked(site: Site) -> Json | None:
    return await asyncio.to_thread(ask, site.config.keyring)


async def _rows(store: Store, wanted: Selection) -> list[Json]:
    return [asdict(record) async for record in trace.rows(store, wanted)]


def _when(row: Json) -> float:
    return float(row["time"])


def _moment(given: Arguments, name: str) -> float | None:
    """A local time as seconds since the epoch. For a day without a time: its beginning, or for `until` its end."""
    text = given.get(name, "").strip()
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text if _TIME.fullmatch(text) else "").astimezone()
    except (ValueError, OverflowError, OSError):
        raise WrongAct("write a time as 2026-11-30 or 2026-11-30T14:00") from None
    whole_day = name == "until" and len(text) == len("2026-11-30")
    return found.timestamp() + (86400.0 if whole_day else 0.0)


def _node(standing: Standing) -> Json:
    node = standing.node
    return {
        "node": node.name,
        "runs": node.runs,
        "version": node.about.version,
        "policy": node.about.policy,
        "since": node.since,
        "seen": node.seen,
        "rate": node.rate,
        "duties": list(standing.duties),
    }


def _explained(found: Explanation) -> Json:
    return {
        "action": found.decision.action,
        "rule": found.decision.rule,
        "reason": found.decision.reason,
        "passed_over": [list(each) for each in found.matched.passed_over] if found.matched else [],
        "sources": [report.source for report in found.search.told] if found.search else [],
        "shadow": found.shadow,
    }
