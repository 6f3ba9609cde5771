"""What sections about an LDAP directory have in common: TLS or STARTTLS, and a login that is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from relay.config.base import Contradiction, Section
from relay.model.endpoint import is_loopback


class LdapSection(Section):
    """A section that has the keys `url` and `starttls`."""

    if TYPE_CHECKING:
        url: str
        starttls: bool

    @property
    def clear_network(self) -> bool:
        """Whether the connection, and a password sent over it, can be read on the network."""
        parts = urlsplit(self.url)
        return parts.scheme == "ldap" and not self.starttls and not is_loopback(parts.hostname or "")

    @model_validator(mode="after")
    def _one_tls(self) -> Self:
        if self.starttls and self.url.startswith("ldaps:"):
            raise Contradiction("starttls", "ldaps:// is TLS from the start: take starttls out, or write ldap://")
        return self


def assure_login(bind_dn: object, password_file: object, who: str) -> None:
    """Raise `Contradiction` where only one of login and password is given: the bind would count as anonymous."""
    if (bind_dn is None) is not (password_file is None):
        given, missing = ("bind_dn", "password_file") if bind_dn else ("password_file", "bind_dn")
        raise Contradiction(given, f"{given} needs {missing}: without it the login of {who} is anonymous")
