"""How a key is told: the objects of `--json`, the table of `keys list`, the pages of `keys show`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from relay.cli.context import Row, print_json, print_table, say
from relay.cli.times import day, moment
from relay.model import Certificate, Component, Entry

_HEADER = ("fingerprint", "verdict", "origin", "expires", "addresses")


def as_object(entry: Entry) -> dict[str, object]:
    """The contract's fields, and whether it waits to be approved."""
    certificate = entry.certificate
    why = certificate.unusable(time.time())
    return {
        "fingerprint": certificate.fingerprint,
        "addresses": [address.text for address in certificate.addresses],
        "origin": entry.origin.value,
        "created": moment(certificate.primary.created),
        "expires": moment(certificate.expires),
        "usable": why is None,
        "weak": bool(certificate.weaknesses),
        "reason": why.value if why else ", ".join(certificate.weaknesses) or None,
        "proposed": entry.proposed,
    }


def tell(entries: Sequence[Entry], *, as_json: bool) -> None:
    """One array, or one line a key."""
    if as_json:
        print_json([as_object(entry) for entry in entries])
    else:
        print_table(_HEADER, [_row(entry) for entry in entries], _style)


def tell_all_of(entries: Sequence[Entry]) -> None:
    """Everything known of each, for people."""
    for entry in entries:
        certificate = entry.certificate
        say(f"{certificate.fingerprint}: {_verdict(entry)}", "bold")
        for user_id in certificate.user_ids:
            say(f"  user id  {user_id.text}{' (revoked)' if user_id.revoked else ''}")
        for component in certificate.components:
            say(f"  {_component(component, certificate)}")
        say(f"  {entry.origin.value}, changed {day(entry.updated)}")


def _row(entry: Entry) -> Row:
    certificate = entry.certificate
    addresses = ", ".join(address.text for address in certificate.addresses)
    return certificate.fingerprint, _verdict(entry), entry.origin.value, day(certificate.expires), addresses


def _style(row: Row) -> str | None:
    return None if row[1] == "usable" else "yellow"


def _verdict(entry: Entry) -> str:
    certificate = entry.certificate
    why = certificate.unusable(time.time())
    words = [why.value if why else "usable"]
    words += [f"weak: {weakness}" for weakness in certificate.weaknesses]
    words += ["proposed: approve or reject it"] if entry.proposed else []
    return ", ".join(words)


def _component(component: Component, certificate: Certificate) -> str:
    kind = "primary" if component is certificate.primary else "subkey "
    marks = [f"made {day(component.created)}", f"expires {day(component.expires)}"]
    marks += ["encrypts"] if component.encrypts else []
    marks += ["revoked"] if component.revoked else []
    marks += [] if component.valid else ["not bound to the key"]
    return f"{kind}  {component.fingerprint}  {component.algorithm}, {', '.join(marks)}"
