"""One configured directory server, as plain values that cannot contradict each other (RFC 4516 for the URL).

Raises `ConfigError` for a URL that is neither ldap:// nor ldaps://, STARTTLS inside ldaps://, a DN to bind with
but no password (a server takes that for an anonymous bind, RFC 4513 section 5.1.2), and a filter that does not
look for the address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from relay.model import Address
from relay.model.errors import ConfigError, Fault

_ENDPOINT = re.compile(r"ldaps?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")  # what bonsai takes

PLACEHOLDER = "{address}"
SITE_FILTER = "(mail={address})"
SITE_ATTRIBUTE = "pgpKey"


@dataclass(frozen=True, slots=True)
class Server:
    """An item of `lookup.ldap`."""

    url: str
    """With TLS its host stands in the server's certificate; libldap takes `localhost` for this machine's full name."""
    base: str | None = None
    filter: str | None = None
    attribute: str = SITE_ATTRIBUTE
    starttls: bool = False
    ca_file: str | None = None
    """None: the system's certification authorities."""
    bind_dn: str | None = None
    """None: anonymous."""
    password: str | None = field(default=None, repr=False)
    probe: Address | None = None
    """An address whose key is known to be there; None: nothing proves that "no key" is true."""
    timeout: float = 5.0
    """Seconds for one answer: waiting for a connection, connecting, binding and searching together."""

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault:
            raise ConfigError((Fault("lookup.ldap", 0, fault),))

    @property
    def endpoint(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def start(self) -> str | None:
        """The DN to start from: `base`, or the one in the URL."""
        return self.base or unquote(urlsplit(self.url).path.lstrip("/")) or None

    @property
    def is_site(self) -> bool:
        """Whether a filter or attribute of the site's own says where keys stand."""
        return self.filter is not None or self.attribute.lower() != SITE_ATTRIBUTE.lower()

    def _fault(self) -> str | None:
        parts = urlsplit(self.url)
        if not _ENDPOINT.fullmatch(self.endpoint):
            return "url must be ldap://host or ldaps://host, with a port where it is not the usual one"
        if parts.scheme == "ldaps" and self.starttls:
            return "starttls does not go with ldaps://"
        if bool(self.bind_dn) != bool(self.password):
            return "bind_dn and password_file go together, and the password is not empty"
        if self.filter is not None and PLACEHOLDER not in self.filter:
            return f"filter must contain {PLACEHOLDER}"
        return None if self.timeout > 0 else "timeout must be more than 0"
