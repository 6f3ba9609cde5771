"""Acts about correspondents' keys: find, show, import and bind them."""

from __future__ import annotations

import time
from dataclasses import asdict
from io import BytesIO

from relay.admin import bindings, keys, trace
from relay.admin.acts.site import MOST, Arguments, Json, Site, WrongAct, octets, wanted
from relay.admin.key_import import STDIN, File, Result, build_intake
from relay.admin.released import released
from relay.model import Entry, Record
from relay.model.key_change import KeyChange
from relay.store import Selection, Store

LARGEST_KEYS = 1 << 20
"""The most octets of keys in one import."""
MOST_ADDRESSES = 20
"""The most addresses of a key whose history is shown."""


async def listed(site: Site, given: Arguments) -> Json:
    """The keys that have this text in an address, a user id or the fingerprint."""
    found = await keys.some(site.store, given.get("text", "").strip(), MOST)
    return {"rows": [brief(entry) for entry in found.entries], "more": found.more}


async def one_key(site: Site, given: Arguments) -> Json:
    """One key in full, the bindings that name it, and the changes that people and the relay made to it."""
    entry = await keys.one(site.store, wanted(given, "fingerprint"))
    fingerprint = entry.certificate.fingerprint
    bound = [binding.pattern for binding in await site.store.bindings.holding([fingerprint])]
    return {"key": whole(entry), "bound": bound, "history": await _history(site.store, entry)}


async def _history(store: Store, entry: Entry) -> list[Json]:
    """The changes of the key with their actors, the newest first."""
    fingerprint = entry.certificate.fingerprint
    found: dict[tuple[float, str, str], Record] = {}
    for address in entry.certificate.shown_addresses[:MOST_ADDRESSES]:
        async for record in trace.rows(store, Selection(keys=True, recipient=address.text, newest=MOST)):
            if fingerprint in f"{record.fingerprint} {record.signed_by}":
                found[record.time, record.recipient, record.reason] = record
    newest = sorted(found.values(), key=lambda record: record.time, reverse=True)
    return [asdict(KeyChange.of(record)) for record in newest[:MOST]]


async def import_keys(site: Site, given: Arguments) -> Json:
    """Import the keys in `data` (base64), or (`dry_run`) only tell what that would do. Returns one row for each key."""
    return await _taken(site, given)


async def propose(site: Site, given: Arguments) -> Json:
    """Propose the keys in `data`, or (`dry_run`) only tell what that would do, as `import_keys` does."""
    return await _taken(site, given, propose=True)


async def _taken(site: Site, given: Arguments, *, propose: bool = False) -> Json:
    data = octets(given, "data")
    if not data:
        raise WrongAct("there is no key in it")
    dry_run = bool(given.get("dry_run"))
    intake = build_intake(site.config, site.store, actor=site.actor, propose=propose, dry_run=dry_run)
    found = [result async for result in intake.run([File(STDIN)], stdin=BytesIO(data))]
    usable = {each.fingerprint for each in found if each.certificate and not each.reason}
    waited = [] if dry_run else await released(site.config, site.store, usable)
    return {"rows": [_imported(each) for each in found], "released": len(waited)}


def _imported(result: Result) -> Json:
    """The row for one key, as `keys import --json` prints it."""
    certificate = result.certificate
    return {
        "number": result.number,
        "result": result.outcome.value,
        "fingerprint": result.fingerprint,
        "addresses": [each.text for each in certificate.listed_addresses] if certificate else [],
        "expires": certificate.expires if certificate else None,
        "reason": result.reason,
        "warnings": list(result.warnings),
    }


async def bound(site: Site, given: Arguments) -> Json:
    """All bindings, as `keys bindings --json` lists them."""
    del given
    return {"rows": [_bound(each) for each in (await bindings.every(site.config, site.store))[:MOST]]}


async def bind(site: Site, given: Arguments) -> Json:
    """Encrypt all mail to `pattern` to these keys (`fingerprints`, with blanks between)."""
    named = wanted(given, "fingerprints").replace(",", " ").split()
    one = bindings.Wanted(wanted(given, "pattern"), named, signs=bool(given.get("signs")))
    (made,) = await bindings.bind(site.config, site.store, [one], site.actor)
    return _bound(made)


async def unbind(site: Site, given: Arguments) -> Json:
    """Remove the binding of `pattern`."""
    return {"pattern": await bindings.unbind(site.config, site.store, wanted(given, "pattern"), site.actor)}


def _bound(judged: bindings.Judged) -> Json:
    one = judged.binding
    return {"pattern": one.pattern, "fingerprints": list(one.fingerprints), "signs": one.signs, "reason": judged.reason}


def brief(entry: Entry) -> Json:
    """The fields of a key in a list."""
    certificate, why = entry.certificate, entry.certificate.unusable(time.time())
    return {
        "fingerprint": certificate.fingerprint,
        "addresses": [address.text for address in certificate.listed_addresses],
        "origin": entry.origin.value,
        "expires": certificate.expires,
        "reason": certificate.fault or (why.value if why else ""),
        "proposed": entry.proposed,
    }


def whole(entry: Entry) -> Json:
    """The fields of a key shown in full."""
    certificate = entry.certificate
    return {
        **brief(entry),
        "created": certificate.primary.created,
        "algorithm": certificate.primary.algorithm,
        "user_ids": [{"text": each.text, "revoked": each.revoked} for each in certificate.user_ids],
        "subkeys": [
            {
                "fingerprint": each.fingerprint,
                "algorithm": each.algorithm,
                "created": each.created,
                "expires": each.expires,
                "revoked": each.revoked,
                "encrypts": each.encrypts,
            }
            for each in certificate.components[1:]
        ],
    }
