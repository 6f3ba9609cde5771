"""What the hash of a row of the trace covers, and how it is computed (`relay.store.hash_chain` links them)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Row

from relay.model import Address, Record
from relay.model.errors import AddressError

_FIELDS = tuple(field.name for field in fields(Record))
_LATER = {"shadow": False, "direction": "out", "mark": "", "binding": ""}
"""What was added later, in this order, and what rows before that have: no hash covers these at the end of a row."""
_FIRST_FIELDS = tuple(name for name in _FIELDS if name not in _LATER)
CONTENT = ("number", *_FIRST_FIELDS, "sender_key", "recipient_key", *_LATER)
"""What a hash covers, in this order."""

_ADDRESSES = 2000
"""The number of addresses whose keys are remembered."""
_ACTION = CONTENT.index("action")
_VALUES = attrgetter(*_FIRST_FIELDS)  # `astuple` copies each value: a fifth of a row's time under the write lock
_LATER_VALUES = attrgetter(*_LATER)


def content(record: Record) -> list[Any]:
    """What a hash covers of a record: `CONTENT` without the row's number."""
    keys = (address_key(record.sender), address_key(record.recipient))
    return [*_VALUES(record), *keys, *_LATER_VALUES(record)]


def linked(previous: bytes, content: Sequence[Any]) -> bytes:
    """The hash of a row after the one with hash `previous`."""
    return hashlib.sha256(previous + _canonical(content).encode("ascii")).digest()


def behind_number(content: Sequence[Any]) -> str:
    """What follows the number and its comma in the text that a hash covers; content without the number."""
    return _canonical(content)[1:]


def _canonical(content: Sequence[Any]) -> str:
    return json.dumps(content[: _covered(content)], separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _covered(content: Sequence[Any]) -> int:
    """How many of its elements the hash covers."""
    end = len(content)
    for default in reversed(_LATER.values()):
        if content[end - 1] != default:
            break
        end -= 1
    return end


def as_hashed(content: Sequence[Any], renamed: int) -> Sequence[Any]:
    """The content as it was when its hash was made: rows up to number `renamed` said "seal"."""
    if content[0] > renamed or content[_ACTION] != "encrypt":
        return content
    return [*content[:_ACTION], "seal", *content[_ACTION + 1 :]]


def record(row: Row[Any]) -> Record:
    """The row as a value."""
    return Record(**{name: getattr(row, name) for name in _FIELDS})


@lru_cache(_ADDRESSES)
def address_key(text: str) -> str:
    """The key that addresses are compared by; of text that is no address, its case-folded form."""
    try:
        return Address(text).key
    except AddressError:
        return text.casefold()
