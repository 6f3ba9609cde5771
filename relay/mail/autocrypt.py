"""The Autocrypt field of an own address (autocrypt.org, Level 1).

Level 1 wants one field an author: where the client's own one is there already, for the same address, that one stays and
ours is left out; whatever else is called Autocrypt goes where ours comes. `addr` is written as From has it. A field is
at most 10 KiB, and its key the least that can be encrypted to: the primary key, the user id, the newest encryption
subkey, and the signatures behind them. Raises nothing.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache

from relay.mail import packets, signature
from relay.mail.certificate_parts import Parts, joined, parts
from relay.mail.fingerprints import fingerprint
from relay.mail.headers import Field
from relay.mail.signature import CERTIFICATIONS, Kind
from relay.model import Address
from relay.model.errors import OpenPgpError

NAME = "autocrypt"
LARGEST = 10 * 1024
REMEMBERED = 1000

_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+/?^_`{|}~.-]+@[A-Za-z0-9.-]+")
"""Addresses that need no quotes in the field (`=` and `;` would)."""
_LINE = 72
_CLIENTS = re.compile(
    r"\s*addr\s*=\s*([^;]{3,320}?)\s*;(?:[^;]{0,100};){0,10}\s*keydata\s*=\s*[A-Za-z0-9+/]", re.DOTALL
)


@lru_cache(maxsize=REMEMBERED)
def field(author: Address, certificate: bytes, subkey: str) -> bytes:
    """The line for this author, whose certificate has that encryption subkey; no octets where there can be none."""
    try:
        data = minimal(certificate, subkey)
    except OpenPgpError:
        return b""
    if not data or not _PLAIN.fullmatch(author.text):
        return b""
    digits = b64encode(data)
    lines = [digits[at : at + _LINE] for at in range(0, len(digits), _LINE)]
    line = b"Autocrypt: addr=%b; keydata=\r\n %b\r\n" % (author.text.encode(), b"\r\n ".join(lines))
    return line if len(line) <= LARGEST else b""


def minimal(certificate: bytes, subkey: str) -> bytes:
    """The five packets that Level 1 wants, with the newest of several signatures; none where one is missing.

    Raises `OpenPgpError` for what is no certificate.
    """
    whole = parts(certificate)
    if not whole:
        return b""
    primary, *others = whole
    wanted: Parts = {primary: {}}
    own = fingerprint(primary[1])
    for part in others:
        kinds = CERTIFICATIONS if part[0] == packets.USER_ID else frozenset({Kind.BINDING})
        if part[0] == packets.USER_ID or fingerprint(part[1]) == subkey:
            wanted[part] = _newest(whole[part], own, kinds)
    return joined(wanted) if len(wanted) == 3 and all(wanted[part] for part in others if part in wanted) else b""


def placed(fields: Iterable[Field], line: bytes, author: Address) -> tuple[Field, ...]:
    """The header fields with this line among them, unless the client has one for the author already."""
    known = tuple(fields)
    if not line or any(_is_clients(one, author) for one in known):
        return known
    return (*(one for one in known if one.name != NAME), Field(line))


def _is_clients(one: Field, author: Address) -> bool:
    """Whether it is a field of Level 1 for this author, as far as can be told without its key."""
    if one.name != NAME or len(one.raw) > LARGEST:
        return False
    found = _CLIENTS.match(one.value)
    return found is not None and found[1].lower() == author.text.lower()


def _newest(bodies: Iterable[bytes], own: str, kinds: frozenset[Kind]) -> dict[bytes, None]:
    """The newest signature of these kinds that the key itself made."""
    read = [(one, body) for body in bodies if (one := signature.read(body))]
    mine = [(one.created, body) for one, body in read if one.kind in kinds and one.by(own)]
    return {max(mine)[1]: None} if mine else {}
