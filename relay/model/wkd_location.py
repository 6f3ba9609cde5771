"""Where a domain publishes the certificate of an address (draft-koch-openpgp-webkey-service section 3.1).

The local part is lowered in ASCII alone, hashed with SHA-1 and written in z-base-32 (RFC 6189 section 5.1.6);
the query holds it as it was written. Pure; raises nothing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote

from relay.model import Address

_ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769"
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\Z")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
_UPPER_TO_LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class Location:
    """One of the two places, and the method's name in a lookup."""

    host: str
    path: str
    method: str


def locations(address: Address) -> tuple[Location, Location] | None:
    """The advanced and the direct method's place; None where the domain can have none."""
    domain = address.domain
    if not is_host_name(domain):
        return None
    local = address.local.encode("utf-8", "surrogateescape")
    leaf = f"hu/{hashed(local)}?l={quote(local, safe='')}"
    return (
        Location(f"openpgpkey.{domain}", f"/.well-known/openpgpkey/{domain}/{leaf}", "wkd/advanced"),
        Location(domain, f"/.well-known/openpgpkey/{leaf}", "wkd/direct"),
    )


def is_host_name(domain: str) -> bool:
    """Whether it can be a name in the DNS; an address, in brackets or however written, is none."""
    return bool(_HOST_NAME.match(domain)) and not _NUMBER.match(domain.rpartition(".")[2])


def hashed(local: bytes) -> str:
    """The local part as it stands in the path."""
    return zbase32(hashlib.sha1(local.translate(_UPPER_TO_LOWER), usedforsecurity=False).digest())


def zbase32(octets: bytes) -> str:
    """Five octets are eight letters; a rest is filled with zero bits."""
    bits = "".join(f"{octet:08b}" for octet in octets)
    return "".join(_ALPHABET[int(bits[at : at + 5].ljust(5, "0"), 2)] for at in range(0, len(bits), 5))
