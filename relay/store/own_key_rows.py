"""The certificate of an own address as a row of the table `own_keys`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from relay.model import Address
from relay.model.own import OwnKey, OwnState, OwnSubkey
from relay.store.schema import own_keys

COLUMNS = (
    own_keys.c.address_text,
    own_keys.c.fingerprint,
    own_keys.c.data,
    own_keys.c.subkeys,
    own_keys.c.created,
    own_keys.c.listed,
    own_keys.c.state,
    own_keys.c.changed,
    own_keys.c.former,
)


def to_row(key: OwnKey) -> dict[str, object]:
    """The row of a certificate."""
    return {
        "address": key.address.key,
        "address_text": key.address.text,
        "fingerprint": key.fingerprint,
        "data": key.data,
        "subkeys": json.dumps([_subkey_row(one) for one in key.subkeys]),
        "newest": key.subkeys[-1].created,
        "created": key.created,
        "listed": key.listed,
        "state": key.state.value,
        "changed": key.changed,
        "former": key.former,
    }


def to_key(row: Sequence[Any]) -> OwnKey:
    """The certificate in a row, which has `COLUMNS`."""
    text, fingerprint, data, subkeys, created, listed, kept, changed, former = row
    return OwnKey(
        address=Address(text),
        fingerprint=fingerprint,
        data=bytes(data),
        subkeys=tuple(_subkey(*subkey) for subkey in json.loads(subkeys)),
        created=created,
        listed=listed,
        state=OwnState(kept),
        changed=changed,
        former=bytes(former),
    )


def _subkey_row(subkey: OwnSubkey) -> list[object]:
    return [subkey.fingerprint, subkey.created, subkey.expires, subkey.keygrip, subkey.public.hex()]


def _subkey(fingerprint: str, created: int, expires: int, keygrip: str, public: str) -> OwnSubkey:
    return OwnSubkey(fingerprint, created, expires, keygrip, bytes.fromhex(public))
