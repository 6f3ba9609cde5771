"""Where to listen and where to deliver, as one line of the configuration.

    smtp://host:port            SMTP (RFC 5321); one reply after the final dot
    smtp+starttls://host:port   SMTP, and nothing is said before STARTTLS (RFC 3207); for delivery
    lmtp://host:port            LMTP (RFC 2033); one reply a recipient
    lmtp:///run/relay.sock      the same over a unix socket: no host, an absolute path (smtp:/// too)

Without a port: 25 for SMTP, 24 for LMTP. Raises `ValueError` with a sentence for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

_PORTS = {"smtp": 25, "smtp+starttls": 25, "lmtp": 24}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A protocol and a place: `path` for a unix socket, `host` and `port` for everything else."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL; `ValueError` says what is wrong with it."""
        scheme, _, rest = url.partition("://")
        if scheme not in _PORTS:
            raise ValueError(f"{url}: the scheme is one of {', '.join(_PORTS)}")
        if rest.startswith("/"):
            return cls(scheme, path=_socket_path(url, scheme, rest))
        parts = urlsplit(url)
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError(f"{url}: no user name, query or fragment goes here")
        if not parts.hostname:
            raise ValueError(f"{url}: a host is missing")
        if parts.path not in {"", "/"}:
            raise ValueError(f"{url}: a host has no path; a unix socket is written {scheme}:///path")
        port = parts.port  # raises ValueError for what is no port
        return cls(scheme, parts.hostname, _PORTS[scheme] if port is None else port)

    @property
    def lmtp(self) -> bool:
        """LMTP: one reply a recipient."""
        return self.scheme == "lmtp"

    @property
    def starttls(self) -> bool:
        """TLS is demanded."""
        return self.scheme == "smtp+starttls"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{self.path}" if self.path else f"{self.scheme}://{host}:{self.port}"


def _socket_path(url: str, scheme: str, path: str) -> str:
    if scheme == "smtp+starttls" or path.endswith("/"):
        raise ValueError(f"{url}: neither a host nor a unix socket")
    return path
