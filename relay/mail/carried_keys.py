"""Which OpenPGP keys an incoming mail carries: in its Autocrypt field, attached, or as blocks of armor in its text.

`of_header` reads the field of Autocrypt Level 1 (autocrypt.org) for the author alone. `of_body` reads attachments of
type application/pgp-keys or with a name that ends in `.asc`, and blocks of armor in plain text; a mail within the mail
is somebody else's, and stays closed. Keys come out in binary, each a transferable public key by its packets (RFC 9580
section 10.1); nothing in them is verified, and whose they are is not looked at. Secret keys are no keys here. Raises
nothing; sizes, numbers and packets are bounded, and the cost is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from urllib.parse import unquote

import pybase64

from relay.mail import headers, key_armor, mime, packets
from relay.mail.entities import entities
from relay.mail.headers import Field, Head
from relay.mail.packets import Packet
from relay.model import Address
from relay.model.errors import AddressError, OpenPgpError

AUTOCRYPT = "autocrypt"
MOST_KEYS = 5
"""The most keys of one mail; further ones are not read."""
MOST_OCTETS = 256 * 1024
"""The most octets of one key."""
MOST_USER_IDS = 100
"""The most user ids of one key: each is searched for the author's address."""
MOST_TEXT = 1 << 20
"""The most octets of an attachment, or of a text, that are read."""
MOST_PACKETS = 2_000
"""The most packets of one attachment or block."""
MOST_FIELD = 64 * 1024
"""Octets of an Autocrypt field: keys of Level 1 have 10 KiB, those with post-quantum subkeys some more."""

_ATTRIBUTE = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=\s*([^;]*)")
_KNOWN = frozenset({"addr", "prefer-encrypt", "keydata"})
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_SPACE = re.compile(r"\s+")
_BLOCK = "PUBLIC KEY BLOCK"
_BEGIN = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_NAMED_ASC = re.compile(r"name[*0-9]{0,5}\s*=[^;]{1,500}\.asc\b", re.IGNORECASE)
_READ = frozenset({"application/pgp-keys", "text/plain"})


class Fault(StrEnum):
    """Why an Autocrypt field gives no key."""

    SEVERAL = "two-fields"
    """There are several fields: by Level 1 none of them counts."""
    OTHER_ADDRESS = "other-address"
    """It is for another address than the author's."""
    UNREADABLE = "unreadable"
    """The field is not valid by Level 1, or has no key in it."""


def of_header(head: Head, author: Address | None) -> bytes | Fault | None:
    """The key in the `Autocrypt` field, if it is for this author; else a `Fault`; None where there is no such field."""
    fields = headers.all(head, AUTOCRYPT)
    if not fields:
        return None
    return _autocrypt(fields[0], author) if len(fields) == 1 else Fault.SEVERAL


def of_body(content: bytes) -> tuple[bytes, ...]:
    """The keys that are attached or in the text, without repetition, `MOST_KEYS` at most."""
    return tuple(dict.fromkeys(islice(_attached(content), MOST_KEYS)))


def _autocrypt(field: Field, author: Address | None) -> bytes | Fault:
    attributes = _attributes(field.value) if len(field.raw) <= MOST_FIELD else {}
    digits = _SPACE.sub("", attributes.get("keydata", ""))
    if not _BASE64.fullmatch(digits) or len(digits) % 4:
        return Fault.UNREADABLE
    if not _is(attributes.get("addr", ""), author):
        return Fault.OTHER_ADDRESS
    keys = _certificates(pybase64.b64decode(digits))
    return keys[0] if len(keys) == 1 else Fault.UNREADABLE


def _attributes(text: str) -> dict[str, str]:
    """The attributes of a field; empty where one is there twice, or is unknown and not optional (no leading `_`)."""
    found: dict[str, str] = {}
    for piece in text.rstrip("; \t").split(";"):
        match = _ATTRIBUTE.fullmatch(piece)
        if match is None or match[1].lower() in found:
            return {}
        found[match[1].lower()] = match[2].strip()
    return found if all(name in _KNOWN or name.startswith("_") for name in found) else {}


def _is(text: str, author: Address | None) -> bool:
    try:
        return Address(text.strip()) == author
    except AddressError:
        return False


def _attached(content: bytes) -> Iterator[bytes]:
    for part, kind in entities(content, mime.root(content)):
        if kind and not kind.multipart and (kind.kind in _READ or _is_named_asc(part.head)):
            yield from _keys(mime.octets(content, part, MOST_TEXT) or b"")


def _is_named_asc(head: Head) -> bool:
    naming = (one for one in head.fields if one.name in {"content-type", "content-disposition"})
    return any(_NAMED_ASC.search(unquote(headers.decoded(one))) for one in naming)


def _keys(octets: bytes) -> Iterator[bytes]:
    if octets[:1] >= b"\x80":
        yield from _certificates(octets)
    elif _BEGIN in octets:
        for block in key_armor.dearmor(octets)[:MOST_KEYS]:
            if block.kind == _BLOCK:
                yield from _certificates(block.data)


def _certificates(data: bytes) -> list[bytes]:
    try:
        found = [group for group in packets.certificates(data, MOST_PACKETS) if _is_ordinary(group)]
    except OpenPgpError:
        return []
    return [data[group[0].start : group[-1].end] for group in found[:MOST_KEYS]]


def _is_ordinary(group: list[Packet]) -> bool:
    """Whether the key is within `MOST_OCTETS` and `MOST_USER_IDS`."""
    user_ids = sum(packet.tag == packets.USER_ID for packet in group)
    return group[-1].end - group[0].start <= MOST_OCTETS and user_ids <= MOST_USER_IDS
