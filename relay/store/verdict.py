"""The verdict on a certificate, as the JSON that is stored beside its octets.

Lists, not objects: it is read at each lookup. ASCII: what is no Unicode is kept as escapes. Raises `StoreError` where
a row cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from relay.model import Address, Certificate, Component, UserId
from relay.model.errors import AddressError, StoreError

NOT_ANY_MORE = 0
"""What version 0.1.0 wrote holds until this time: it is read again where it is used."""


def dump(certificate: Certificate) -> str:
    """Everything but the certificate's octets."""
    verdict = [
        certificate.version,
        [_component(component) for component in certificate.components],
        [_user_id(user_id) for user_id in certificate.user_ids],
        certificate.disabled,
        [],  # version 0.1.0: weaknesses of the whole
        certificate.features,
        certificate.holds_until,
        list(certificate.revokers),
        certificate.fault,
    ]
    return json.dumps(verdict, separators=(",", ":"))


def load(data: bytes, text: str) -> Certificate:
    """The certificate that `dump` was given. What version 0.1.0 wrote has fewer elements."""
    try:
        version, components, user_ids, disabled, weaknesses, *newer = json.loads(text)
        features, holds_until, revokers, fault = newer or (None, NOT_ANY_MORE, (), "")
        return Certificate(
            data=bytes(data),
            version=version,
            components=_components(components, weaknesses),
            user_ids=tuple(_read_user_id(*user_id) for user_id in user_ids),
            disabled=disabled,
            features=features,
            holds_until=holds_until,
            revokers=tuple(revokers),
            fault=fault,
        )
    except (ValueError, TypeError, AddressError):
        raise StoreError("a certificate in the store cannot be read") from None


def _component(c: Component) -> list[object]:
    return [
        c.fingerprint,
        c.algorithm,
        c.created,
        c.expires,
        c.encrypts,
        c.revoked,
        c.valid,
        c.supported,
        list(c.weaknesses),
    ]


def _components(rows: Iterable[list[Any]], of_the_whole: list[str]) -> tuple[Component, ...]:
    read = [Component(*facts[:8], *(tuple(words) for words in facts[8:])) for facts in rows]
    if of_the_whole:
        read[0] = replace(read[0], weaknesses=tuple(of_the_whole))
    return tuple(read)


def _user_id(u: UserId) -> list[object]:
    return [u.text, u.address.text if u.address else None, u.revoked, u.valid, [other.text for other in u.others]]


def _read_user_id(
    text: str,
    address: str | None,
    revoked: bool,  # noqa: FBT001  a row
    valid: bool = True,  # noqa: FBT001, FBT002  a row
    others: Iterable[str] = (),
) -> UserId:
    return UserId(text, None if address is None else Address(address), revoked, valid, tuple(map(Address, others)))
