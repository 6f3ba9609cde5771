"""An address with the name that mail programs show beside it (RFC 5322 section 3.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.headerregistry import Address as HeaderAddress

from relay.model.address import Address
from relay.model.errors import AddressError

MAX_NAME = 200

_NAMED = re.compile(r"(?P<name>[^<>]*[^<>\s])\s*<(?P<address>[^<>]*)>")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """`Mailbox.parse("Hôpital Exemple, messagerie chiffrée <postmaster@hopital.example>")`."""

    address: Address
    name: str = "pgp-relay"

    @classmethod
    def parse(cls, text: str) -> Mailbox:
        """Of an address, with or without a name, which may stand in quotes. Raises `AddressError`."""
        found = _NAMED.fullmatch(text.strip())
        if not found:
            return cls(Address(text))
        name = found["name"].strip()
        name = name[1:-1].strip() if len(name) > 1 and name[0] == name[-1] == '"' else name
        if not name or len(name) > MAX_NAME or not name.isprintable() or '"' in name:
            raise AddressError(
                f"the name beside an address is 1 to {MAX_NAME} characters that can be printed, without quotes"
            )
        return cls(Address(found["address"].strip()), name)

    @property
    def header(self) -> HeaderAddress:
        """For a header field."""
        return HeaderAddress(self.name, self.address.local, self.address.domain)
