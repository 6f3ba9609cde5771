"""A certificate's verdict as the JSON that stands in the store, and back.

Written in ASCII (what is no Unicode survives as escapes), read once a lookup: lists, not objects, because
this is the hot path. Raises `StoreError` where a row cannot be read: somebody changed it.
"""

from __future__ import annotations

import json

from relay.model import Address, Certificate, Component, UserId
from relay.model.errors import AddressError, StoreError


def dump(certificate: Certificate) -> str:
    """Everything but the certificate's octets."""
    components = [
        [c.fingerprint, c.algorithm, c.created, c.expires, c.encrypts, c.revoked, c.valid]
        for c in certificate.components
    ]
    user_ids = [[u.text, u.address.text if u.address else None, u.revoked] for u in certificate.user_ids]
    verdict = [certificate.version, components, user_ids, certificate.disabled, list(certificate.weaknesses)]
    return json.dumps(verdict, separators=(",", ":"))


def load(data: bytes, text: str) -> Certificate:
    """The certificate that `dump` was given."""
    try:
        version, components, user_ids, disabled, weaknesses = json.loads(text)
        return Certificate(
            data=bytes(data),
            version=version,
            components=tuple(Component(*component) for component in components),
            user_ids=tuple(UserId(words, None if a is None else Address(a), gone) for words, a, gone in user_ids),
            disabled=disabled,
            weaknesses=tuple(weaknesses),
        )
    except (ValueError, TypeError, AddressError):
        raise StoreError("a certificate in the store cannot be read") from None
