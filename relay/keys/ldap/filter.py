"""Search filters from outside text (RFC 4515 section 3).

Whoever writes a mail chooses the address, so every octet that is not plainly harmless is escaped, also where
the RFC would allow it. Pure functions; nothing is raised.
"""

from __future__ import annotations

import string

import idna

from relay.model import Address

_PLAIN = frozenset((string.ascii_letters + string.digits + " !#$%&'+,-./:;<=>?@[]^_`{|}~\"").encode("ascii"))


def escape(text: str) -> str:
    r"""The text as an assertion value: `*)(uid=*` becomes `\2a\29\28uid=\2a`."""
    octets = text.encode("utf-8", "surrogateescape")
    return "".join(chr(octet) if octet in _PLAIN else f"\\{octet:02x}" for octet in octets)


def spellings(address: Address) -> tuple[str, ...]:
    """The ways a directory may write this address: as it came, unquoted, with the domain's A-labels and U-labels."""
    found = [address.text]
    if address.domain:
        found += [f"{address.local}@{address.domain}", f"{address.local}@{_unicode(address.domain)}"]
    return tuple({spelling.casefold(): spelling for spelling in reversed(found)}.values())[::-1]


def any_of(filters: tuple[str, ...]) -> str:
    """One filter that any of these satisfies."""
    return filters[0] if len(filters) == 1 else f"(|{''.join(filters)})"


def _unicode(domain: str) -> str:
    try:
        return idna.decode(domain)
    except idna.IDNAError:
        return domain
