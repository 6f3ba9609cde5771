"""How keys are shown: the objects of `--json`, the table of `keys list`, the output of `keys show`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from relay.admin.several_keys import several, told
from relay.cli.display import Display
from relay.cli.output import print_json, say
from relay.cli.table import Column, Row, print_table
from relay.cli.times import Look, moment
from relay.model import Address, Certificate, Component, Entry, UserId, Why

SHORT = {
    Why.REVOKED: "revoked",
    Why.EXPIRED: "expired",
    Why.NOT_YET_VALID: "not yet",
    Why.INVALID: "invalid",
    Why.DISABLED: "disabled",
    Why.NO_USER_ID: "no id",
    Why.USER_ID_REVOKED: "revoked",
    Why.NO_ENCRYPTION: "no subkey",
    Why.SUBKEY_REVOKED: "revoked",
    Why.SUBKEY_EXPIRED: "expired",
    Why.WEAK: "weak",
    Why.UNSUPPORTED: "version",
    Why.UNREADABLE: "unreadable",
    Why.SUBKEY_UNSUPPORTED: "algorithm",
    Why.USER_ID_INVALID: "invalid",
    Why.AMBIGUOUS: "unclear",
    Why.UNTRUSTED: "unapproved",
    Why.NOT_THERE: "missing",
}
"""A word for each reason against a key; `keys show` has all of it."""

_STYLES = {"usable": "green", "weak": "yellow", "proposed": "yellow"} | dict.fromkeys(
    (word for word in SHORT.values() if word != "weak"), "red"
)
_COLUMNS = (
    Column("address", least=20),
    Column("state", styles=_STYLES),
    Column("expires"),
    Column("key", rank=1),
    Column("origin", rank=2),
)


Bound = Mapping[str, Sequence[str]]
"""Of keys, by their fingerprints, the patterns that they are bound to (`relay.admin.bindings`)."""


def _object(entry: Entry, beside: Mapping[Address, Sequence[Entry]], bound: Bound) -> dict[str, object]:
    """Its fields; `beside` are the keys of addresses that have several, the one that is used first."""
    certificate = entry.certificate
    now = time.time()
    why, weaknesses = certificate.unusable(now), certificate.weaknesses(now)
    return {
        "fingerprint": certificate.fingerprint,
        "addresses": [address.text for address in certificate.listed_addresses],
        "origin": entry.origin.value,
        "created": moment(certificate.primary.created),
        "expires": moment(certificate.expires),
        "usable": why is None,
        "weak": bool(weaknesses),
        "reason": certificate.fault or (why.value if why else ", ".join((*weaknesses, *_newer(entry, beside))) or None),
        "proposed": entry.proposed,
        "bindings": list(bound.get(certificate.fingerprint, ())),
    }


def tell(entries: Sequence[Entry], display: Display, bound: Bound) -> None:
    """One array, or one line a key."""
    if display.as_json:
        beside = several(entries, time.time())
        print_json([_object(entry, beside, bound) for entry in entries])
    else:
        look = display.look
        rows = [_row(entry, look, bound) for entry in entries]
        print_table(_COLUMNS, rows, whole=display.full, nothing="no key matches")


def tell_all_of(entries: Sequence[Entry], look: Look, bound: Bound) -> None:
    """Everything known of each, for people."""
    for entry in entries:
        _tell_all(entry, look, bound.get(entry.certificate.fingerprint, ()))


def _tell_all(entry: Entry, look: Look, patterns: Sequence[str]) -> None:
    certificate = entry.certificate
    why = certificate.unusable(time.time())
    say((", ".join(address.text for address in certificate.listed_addresses) or "no address", "bold"))
    say("  state    ", (why.value if why else "usable", "red" if why else "green"), _remarks(entry))
    say(f"  key      {certificate.fingerprint}")
    say(f"  origin   {entry.origin.value}, changed {look.day(entry.updated)}")
    for pattern in patterns:
        say(f"  bound to {pattern}")
    for user_id in certificate.user_ids:
        say(f"  user id  {user_id.text}{_user_id_remark(user_id)}")
    for component in certificate.components:
        say(f"  {_component(component, certificate, look)}")


def _newer(entry: Entry, beside: Mapping[Address, Sequence[Entry]]) -> list[str]:
    """A remark for each of its addresses for which a newer key is used."""
    addresses = [a for a in entry.certificate.addresses if a in beside and entry in beside[a][1:]]
    return [f"a newer key of {address.text} is used" for address in addresses]


def tell_several(entries: Sequence[Entry]) -> None:
    """A line for each address that has several usable keys."""
    for address, keys in several(entries, time.time()).items():
        say(told(address, keys))


def _row(entry: Entry, look: Look, bound: Bound) -> Row:
    """In the order of `_COLUMNS`."""
    certificate = entry.certificate
    return (
        _addresses(certificate, bound, look),
        _state(entry, look),
        look.day(certificate.expires),
        look.key(certificate.fingerprint),
        entry.origin.value,
    )


def _addresses(certificate: Certificate, bound: Bound, look: Look) -> str:
    """All of them and the patterns that it is bound to, or the first one and how many more."""
    texts = [address.text for address in certificate.listed_addresses] or [u.text for u in certificate.user_ids]
    texts = [*bound.get(certificate.fingerprint, ()), *texts] or ["none"]
    if look.full:
        return ", ".join(texts)
    return texts[0] if len(texts) == 1 else f"{texts[0]} +{len(texts) - 1}"


def _state(entry: Entry, look: Look) -> str:
    why = entry.certificate.unusable(time.time())
    if look.full:
        return f"{why.value if why else 'usable'}{_remarks(entry)}"
    if why:
        return SHORT[why]
    if entry.proposed:
        return "proposed"
    return "weak" if entry.certificate.weaknesses(time.time()) else "usable"


def _remarks(entry: Entry) -> str:
    remarks = [entry.certificate.fault] if entry.certificate.fault else []
    remarks += [f"weak: {weakness}" for weakness in entry.certificate.weaknesses(time.time())]
    remarks += ["proposed: approve or reject it"] if entry.proposed else []
    return "".join(f", {remark}" for remark in remarks)


def _user_id_remark(user_id: UserId) -> str:
    if user_id.revoked:
        return " (revoked)"
    if not user_id.valid:
        return " (without a valid self-signature)"
    return " (it is not clear whose)" if user_id.others and not user_id.address else ""


def _component(component: Component, certificate: Certificate, look: Look) -> str:
    kind = "primary" if component is certificate.primary else "subkey "
    marks = [f"made {look.day(component.created)}", f"expires {look.day(component.expires)}"]
    marks += ["encrypts"] if component.encrypts else []
    marks += ["revoked"] if component.revoked else []
    marks += [] if component.valid else ["not bound to the key"]
    marks += [] if component.supported else ["of a kind that cannot be used here"]
    return f"{kind}  {look.key(component.fingerprint)}  {component.algorithm}, {', '.join(marks)}"
