"""The mail address in an OpenPGP user id (RFC 9580 section 5.11: "by convention, an RFC 2822 mail name-addr").

`decode` never fails: UTF-8, and Latin-1 where it is none, as old keys have it. `address` is the last
`<…>` that is an address, or the whole text where it is a bare one; None where there is none. A lone local
part is no address here.
"""

from __future__ import annotations

import re

from relay.model import Address
from relay.model.errors import AddressError

_BRACKETED = re.compile(r"<([^<>]*)>")


def decode(octets: bytes) -> str:
    """The text of a user id."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def address(text: str) -> Address | None:
    """The address it names."""
    if "<" not in text:
        return _parse(text)
    return next((found for inner in reversed(_BRACKETED.findall(text)) if (found := _parse(inner))), None)


def _parse(text: str) -> Address | None:
    try:
        found = Address(text.strip())
    except AddressError:
        return None
    return found if found.domain else None
