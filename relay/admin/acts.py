"""What the console may ask of the relay: an allow list of acts, each the function that a command calls as well.

An act gets its arguments as texts and returns what becomes JSON; no content of a mail is ever in it. Raises
`RelayError` with a sentence for whoever asked, `KeyError` for what is no act.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from relay.admin import held, keys, persons, trace
from relay.admin.explain import Explanation, ordinary
from relay.admin.explain import explain as explained
from relay.admin.keys import Offered
from relay.config import Config
from relay.model import Address, Entry, Envelope, Recipient, Record, verb
from relay.model.errors import AddressError, RelayError
from relay.model.key_change import KeyChange
from relay.store import Selection, Store
from relay.telemetry.status_client import ask

MOST = 200
"""Rows of a list."""
PERIODS: Mapping[str, tuple[float, int]] = {"day": (3600.0, 24), "week": (6 * 3600.0, 28), "month": (86400.0, 31)}
"""Width of a bar in seconds, and how many."""
LARGEST_KEYS = 1 << 20
"""Octets of keys at a time."""
_ID = re.compile(r"[0-9A-Za-z]{5,40}")

Arguments = Mapping[str, str]
Json = dict[str, Any]


class WrongAct(RelayError):
    """The arguments cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Site:
    """What acts work on."""

    config: Config
    store: Store
    actor: str = ""
    """Who asks, as the hash chain names them: `console:anne`."""

    @property
    def name(self) -> str:
        """Of the person who asks."""
        return self.actor.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Act:
    """The command that does the same, and how it is done here."""

    command: str
    run: Callable[[Site, Arguments], Awaitable[Json]]


async def figures(site: Site, given: Arguments) -> Json:
    """How many mails had which decision, in each bar of the period, and by rule."""
    width, bars = PERIODS.get(given.get("period", "day"), PERIODS["day"])
    until = (time.time() // width + 1) * width
    since = until - bars * width
    counts = await trace.counts(site.store, Selection(since=since))
    histogram = await site.store.trace.histogram(since, width)
    waiting = await held.held(site.config, site.store)
    soon = await keys.expiring(site.store, 30 * 86400.0)
    return {
        "since": since,
        "width": width,
        "bars": [dict(histogram.get(bar, {})) for bar in range(bars)],
        "rules": [
            {"rule": each.rule, "domain": each.domain, "mails": dict(each.mails)} for each in counts[:MOST] if each.rule
        ],
        "held": len(waiting),
        "expiring": [_key(entry) for entry in soon[:20]],
    }


async def sources(site: Site, given: Arguments) -> Json:
    """How the relay is doing, as it says itself."""
    del given
    told = await asyncio.to_thread(ask, site.config.keyring)
    return {"running": told is not None, "status": told or {}}


async def messages(site: Site, given: Arguments) -> Json:
    """The newest decisions about an address, a message id, a queue id or a Message-ID; without one, of all."""
    text = given.get("text", "").strip()
    newest = MOST
    if not text:
        found = await _rows(site.store, Selection(newest=newest))
    elif text.startswith("<") or (">" in text):
        found = await _rows(site.store, Selection(message_id=text, newest=newest))
    elif "@" in text:
        to = await _rows(site.store, Selection(recipient=_address(text).text, newest=newest))
        sent = await _rows(site.store, Selection(sender=_address(text).text, newest=newest))
        found = sorted({(row["time"], row["id"], row["recipient"]): row for row in (*to, *sent)}.values(), key=_when)
    elif _ID.fullmatch(text):
        found = await _rows(site.store, Selection(id=text, newest=newest))
        found += await _rows(site.store, Selection(queue_id=text, newest=newest))
    else:
        raise WrongAct("write an address, an id, a queue id or a Message-ID")
    return {"rows": found[-newest:][::-1]}


async def message(site: Site, given: Arguments) -> Json:
    """All that was decided about one mail, with its retries."""
    first = await _rows(site.store, Selection(id=_wanted(given, "id"), newest=MOST))
    if not first:
        raise WrongAct("no mail of the audit trail has this id")
    named = next((row["message_id"] for row in first if row["message_id"]), "")
    again = await _rows(site.store, Selection(message_id=named, newest=MOST)) if named else []
    rows = {(row["time"], row["id"], row["recipient"]): row for row in (*first, *again)}
    return {"rows": sorted(rows.values(), key=_when)}


async def waiting(site: Site, given: Arguments) -> Json:
    """The mails that wait for a key."""
    del given
    return {"rows": [asdict(each) for each in (await held.held(site.config, site.store))[:MOST]]}


async def listed(site: Site, given: Arguments) -> Json:
    """The keys with this text in an address, a user id or the fingerprint."""
    wanted = keys.Filter(text=given.get("text", "").strip(), proposed=False)
    return {"rows": [_key(entry) for entry in islice(await keys.every(site.store, wanted), MOST)]}


async def one_key(site: Site, given: Arguments) -> Json:
    """One key in full."""
    return {"key": _whole_key(await keys.one(site.store, _wanted(given, "fingerprint")))}


async def proposals(site: Site, given: Arguments) -> Json:
    """The keys that wait for an approval, each beside what it would replace."""
    del given
    offered = (await keys.proposals(site.store))[:MOST]
    return {"rows": [await _offered(site, each) for each in offered]}


async def changes(site: Site, given: Arguments) -> Json:
    """Who changed which key, the newest first."""
    del given
    rows = [record async for record in trace.rows(site.store, Selection(keys=True, newest=MOST))]
    return {"rows": [asdict(KeyChange.of(record)) for record in reversed(rows)]}


async def approve(site: Site, given: Arguments) -> Json:
    """Use a proposed key from now on."""
    return {"fingerprint": await keys.approve(site.config, site.store, _wanted(given, "fingerprint"), site.actor)}


async def reject(site: Site, given: Arguments) -> Json:
    """Take a proposed key out, for good."""
    return {"fingerprint": await keys.reject(site.store, _wanted(given, "fingerprint"), site.actor)}


async def explain(site: Site, given: Arguments) -> Json:
    """What would happen to a mail from one address to another."""
    sender, recipient = _address(_wanted(given, "from")), _address(_wanted(given, "to"))
    envelope = Envelope(sender, (Recipient(recipient),))
    return _explained(await explained(site.config, envelope, ordinary(sender.text)))


async def verify(site: Site, given: Arguments) -> Json:
    """Whether the audit trail is whole."""
    del given
    verdict = await trace.verify(site.store)
    chains = [{"name": each.name, "checked": each.checked, "holds": each.holds} for each in verdict.chains]
    return {"holds": verdict.holds, "checked": sum(each.checked for each in verdict.chains), "chains": chains}


async def users(site: Site, given: Arguments) -> Json:
    """Who may log in."""
    del given
    return {"rows": [asdict(each) for each in await persons.every(site.store)]}


async def enable(site: Site, given: Arguments) -> Json:
    """Let somebody in again."""
    await persons.enable(site.store, _wanted(given, "name"), site.actor, enabled=True)
    return {}


async def disable(site: Site, given: Arguments) -> Json:
    """Let somebody in no more; nobody does that to themselves."""
    if (name := _wanted(given, "name")).lower() == site.name.lower():
        raise WrongAct("nobody disables themselves: another administrator does, or the command")
    await persons.enable(site.store, name, site.actor, enabled=False)
    return {}


ACTS: Mapping[str, Act] = {
    "figures": Act("trace", figures),
    "sources": Act("status", sources),
    "messages": Act("trace", messages),
    "message": Act("trace", message),
    "changes": Act("trace", changes),
    "verify": Act("trace", verify),
    "held": Act("held", waiting),
    "explain": Act("explain", explain),
    "keys": Act("keys list", listed),
    "key": Act("keys show", one_key),
    "proposals": Act("keys proposals", proposals),
    "approve": Act("keys approve", approve),
    "reject": Act("keys reject", reject),
    "users": Act("console user list", users),
    "enable": Act("console user enable", enable),
    "disable": Act("console user disable", disable),
}


async def _rows(store: Store, wanted: Selection) -> list[Json]:
    return [_row(record) async for record in trace.rows(store, wanted)]


def _row(record: Record) -> Json:
    return asdict(record)


def _when(row: Json) -> float:
    return float(row["time"])


def _wanted(given: Arguments, name: str) -> str:
    found = given.get(name, "").strip()
    if not found:
        raise WrongAct(f"{name} is missing")
    return found


def _address(text: str) -> Address:
    try:
        found = Address(text)
    except AddressError as error:
        raise WrongAct(str(error)) from None
    if not found.domain:
        raise WrongAct(f"“{text}” has no domain: write name@domain")
    return found


def _key(entry: Entry) -> Json:
    certificate, why = entry.certificate, entry.certificate.unusable(time.time())
    return {
        "fingerprint": certificate.fingerprint,
        "addresses": [address.text for address in certificate.listed_addresses],
        "origin": entry.origin.value,
        "expires": certificate.expires,
        "reason": certificate.fault or (why.value if why else ""),
        "proposed": entry.proposed,
    }


def _whole_key(entry: Entry) -> Json:
    certificate = entry.certificate
    return {
        **_key(entry),
        "created": certificate.primary.created,
        "user_ids": [each.text for each in certificate.user_ids],
        "subkeys": [
            {"fingerprint": each.fingerprint, "created": each.created, "expires": each.expires, "revoked": each.revoked}
            for each in certificate.components[1:]
        ],
    }


async def _offered(site: Site, offered: Offered) -> Json:
    replaces = _whole_key(await keys.one(site.store, offered.replaces)) if offered.replaces else None
    return {
        "approved_by": await keys.approved_by(site.config, site.store, offered.proposal.entry),
        "key": _whole_key(offered.proposal.entry),
        "address": offered.address,
        "dkim_domain": offered.proposal.dkim_domain,
        "first_seen": offered.proposal.first_seen,
        "replaces": replaces,
    }


def _explained(found: Explanation) -> Json:
    return {
        "action": verb(found.decision),
        "rule": found.decision.rule,
        "reason": found.decision.reason,
        "passed_over": [list(each) for each in found.matched.passed_over],
        "sources": [report.source for report in found.search.told] if found.search else [],
        "shadow": found.shadow,
    }
