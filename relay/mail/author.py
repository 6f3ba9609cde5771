"""Who wrote a mail, where its header leaves no doubt (RFC 5322 section 3.6.2): one From field with one mailbox.

Read strictly, since a mail program may read another mailbox than we do: a group, a comment that holds more than words,
a route, an address in encoded words, a name that reads like an address once it is decoded (RFC 2047) leave a doubt.
`Sender` is no author. Nothing is raised.
"""

from __future__ import annotations

import re

from relay.mail import headers
from relay.mail.addresses import addresses
from relay.mail.headers import Head
from relay.model import Address
from relay.model.errors import AddressError

MAX_FROM = 2_000
MAX_LOCAL = 64
"""Octets of a local part (RFC 5321 section 4.5.3.1.1)."""

_BLANKS = re.compile(r"[ \t]+")
_COMMENT = r"\([^()<>@,:;\\\"]*\)"
_SPACE = rf" ?(?:{_COMMENT} ?)*"
_NAME = r'(?:[^()<>@,:;\\"\[\]\x00-\x1f\x7f]|"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*")*'
_ATOM = r'[^\s()<>@,:;\\"\[\].\x00-\x1f\x7f]+'
_ADDRESS = rf"{_ATOM}(?:\.{_ATOM})*@{_ATOM}(?:\.{_ATOM})*"
_MAILBOX = re.compile(rf"{_SPACE}(?:(?P<bare>{_ADDRESS})|{_NAME}{_SPACE}<(?P<named>{_ADDRESS})>){_SPACE}")


def author(head: Head) -> Address | None:
    """The one author; None where there is a doubt."""
    fields = headers.all(head, "from")
    return _author(fields[0]) if len(fields) == 1 and len(fields[0].raw) <= MAX_FROM else None


def differs(inner: Head, outer: Head) -> bool:
    """Whether a header inside names other authors than the one outside. One without From names nobody else."""
    if not headers.all(inner, "from"):
        return False
    return _authors(inner) != _authors(outer)


def _authors(head: Head) -> tuple[frozenset[Address], tuple[str, ...]]:
    """The addresses of its From fields; their text as well, where there may be more in it."""
    fields = headers.all(head, "from")
    named = frozenset(address for one in fields for address in addresses(headers.decoded(one)))
    certain = author(head)
    return named, () if certain else tuple(_BLANKS.sub(" ", headers.decoded(one)).strip() for one in fields)


def _author(field: headers.Field) -> Address | None:
    found = _MAILBOX.fullmatch(_BLANKS.sub(" ", field.value).strip())
    shown = _BLANKS.sub(" ", headers.decoded(field))
    address = _address(found["bare"] or found["named"]) if found and shown.isprintable() else None
    return address if address and set(addresses(shown)) == {address} else None


def _address(text: str) -> Address | None:
    try:
        address = Address(text)
    except AddressError:
        return None
    clear = not address.ambiguous and "=?" not in text and len(address.local.encode()) <= MAX_LOCAL
    return address if clear else None
