"""The return path of mail that was opened: an address of ours with a token that nobody can guess.

`retour+TOKEN@hopital.example`: a bounce that carries it belongs to one opened mail. The address is read without regard
to case, as mail servers on the way may change it.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from relay.model.address import Address
from relay.model.envelope import Recipient
from relay.model.errors import AddressError

POSTMASTER = "postmaster"
TOKEN_LENGTH = 26
"""Characters: 128 random bits in base32."""
MAX_LOCAL = 64 - 1 - TOKEN_LENGTH
"""Characters before the token (RFC 5321 section 4.5.3.1.1)."""

_TOKEN = re.compile(r"[a-z2-7]{26}")


def new_token() -> str:
    """One that cannot be guessed."""
    return base64.b32encode(secrets.token_bytes(16)).decode("ascii").rstrip("=").lower()


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """Where bounces of opened mail come back to; `domains` are our own mail domains."""

    domains: Collection[str]
    address: Address | None = None
    """None: postmaster@ of the recipient's own domain."""
    _local: str = field(init=False)

    def __post_init__(self) -> None:
        local = self.address.local if self.address else POSTMASTER
        if not re.fullmatch(rf"[A-Za-z0-9._-]{{1,{MAX_LOCAL}}}", local):
            raise AddressError(f"its local part has letters, digits and .-_ alone, {MAX_LOCAL} at most")
        object.__setattr__(self, "_local", local.lower())

    def for_token(self, token: str, recipient: Address) -> Address:
        """The reverse-path of the mail for this recipient."""
        domain = self.address.domain if self.address else recipient.domain
        if not self.address and domain not in self.domains:
            domain = min(self.domains, default=domain)
        return Address(f"{self._local}+{token}@{domain}")

    def token_in(self, address: Address) -> str | None:
        """The token of an address that has the form of ours; only the store knows whether it was ever given."""
        local, plus, token = address.local.lower().partition("+")
        ours = {self.address.domain} if self.address else self.domains
        fits = local == self._local and plus and _TOKEN.fullmatch(token) and address.domain in ours
        return token if fits else None


@dataclass(frozen=True, slots=True)
class Returnable:
    """What a notice needs of a mail that was opened and may come back: nothing that was encrypted in it."""

    id: str
    """The id that the relay gave the mail: the one in the log and the trace."""
    sender: Address
    """Who gets the notice."""
    recipients: tuple[Recipient, ...]
    """Those whom no notice has told of yet."""
    options: tuple[str, ...]
    """Of MAIL FROM, as they came."""
    header: bytes
    """Date, Message-ID and the addresses in From and To, as the outer header had them."""
    received: datetime
    told: tuple[Address, ...] = ()
    """Of its recipients, those whom a notice has told of."""
