"""Where to listen, where to deliver, whom to connect to: hosts and ports, valid by construction.

    smtp://host:port            SMTP (RFC 5321): one reply after the final dot
    smtp+starttls://host:port   the same, with STARTTLS before anything else (RFC 3207); for delivery
    lmtp://host:port            LMTP (RFC 2033): one reply a recipient
    lmtp:///run/relay.sock      over a unix socket: no host, an absolute path (smtp:/// too)

Raises `ValueError` with a sentence for the person who wrote the configuration.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

from relay.model.domain import normalise_domain

HTTP_IDLE = 5.0
"""Seconds that our clients of HTTP keep an idle connection. Our servers (`relay.web.http.connections`) would end it
later, perhaps just as a request is sent on it, and a POST is not repeated."""

LONGEST_SOCKET = 107
"""Octets of a unix socket's path (sockaddr_un on Linux, without its final NUL)."""

Scheme = Literal["smtp", "smtp+starttls", "lmtp"]

_SCHEMES: tuple[Scheme, ...] = ("smtp", "smtp+starttls", "lmtp")
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104  compared, never bound
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_PLACE = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:\[\]]*)):(?P<port>[0-9]+)")


@dataclass(frozen=True, slots=True)
class HostPort:
    """A TCP endpoint: `mail.example:25`, `127.0.0.1:9125`, `[::1]:9125`."""

    host: str
    """An address, or a name in lower case and A-labels."""
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it from how a configuration writes it. Raises `ValueError`."""
        found = _PLACE.fullmatch(text)
        if not found:
            raise ValueError(f"“{text}” is not host:port, such as 127.0.0.1:9125 or [::1]:9125")
        if found["v6"] is not None and ":" not in found["v6"]:
            raise ValueError(f"“{text}”: only an IPv6 address stands in brackets")
        return cls(host_name(found["v6"] or found["name"] or ""), _port(found["port"]))

    @property
    def loopback(self) -> bool:
        """Whether it is this machine and cannot be reached from another."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A protocol and a place: `path` for a unix socket, `host` and `port` for everything else."""

    scheme: Scheme
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL of one of the forms above. Raises `ValueError`."""
        name, colon, rest = text.partition("://")
        scheme = next((known for known in _SCHEMES if known == name), None)
        if scheme is None or not colon:
            raise ValueError(f"“{text}” begins with none of {', '.join(s + '://' for s in _SCHEMES)}")
        if rest.startswith("/"):
            return cls(scheme, path=_socket(scheme, rest))
        if "@" in rest:
            raise ValueError(f"“{scheme}://…@…”: no user name and no password goes here")
        place = HostPort.parse(rest.removesuffix("/"))
        return cls(scheme, place.host, place.port)

    @property
    def lmtp(self) -> bool:
        """Whether it speaks LMTP: one reply for each recipient."""
        return self.scheme == "lmtp"

    @property
    def starttls(self) -> bool:
        """Whether STARTTLS comes before anything else."""
        return self.scheme == "smtp+starttls"

    @property
    def local(self) -> bool:
        """Whether it stays on this machine: a unix socket, or the loopback."""
        return bool(self.path) or is_loopback(self.host)

    def meets(self, other: Endpoint) -> bool:
        """Whether a connection to `other` would reach a listener here."""
        if self.path or other.path:
            return posixpath.normpath(self.path) == posixpath.normpath(other.path)
        if self.port != other.port:
            return False
        if self.host in _EVERYWHERE or "localhost" in {self.host, other.host}:
            return other.local and (self.local or self.host in _EVERYWHERE)
        return self.host == other.host

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path or HostPort(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class HttpPlace:
    """Where HTTP is spoken: `127.0.0.1:8080`, or `unix:/run/pgp-relay-web/http.sock`."""

    host: str = ""
    port: int = 0
    path: str = ""
    """Of a unix socket; empty: host and port count."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it from how a configuration writes it. Raises `ValueError`."""
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path.startswith("/"):
                raise ValueError(f"“{text}” is not unix:/path: the path of a unix socket is absolute")
            return cls(path=_socket("smtp", path))
        place = HostPort.parse(text)
        return cls(place.host, place.port)

    @property
    def local(self) -> bool:
        """Whether it stays on this machine."""
        return bool(self.path) or is_loopback(self.host)

    @property
    def everywhere(self) -> bool:
        """Whether it is all addresses of this machine: to listen on, not to connect to."""
        return self.host in _EVERYWHERE

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else str(HostPort(self.host, self.port))


def host_name(text: str) -> str:
    """An address in its shortest spelling, or a name in lower case and A-labels."""
    try:
        return str(ip_address(text))
    except ValueError:
        name = normalise_domain(text)
    if not _NAME.fullmatch(name) or len(name) > 253 or name.rpartition(".")[2].isdigit():
        raise ValueError(f"“{text}” is no host name and no address")
    return name


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def directory_url(text: str) -> str:
    """A URL of a directory (RFC 4516), checked and otherwise as it came."""
    parts = urlsplit(text)
    if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname:
        raise ValueError(f"“{text}” is not ldap://host, ldaps://host or one of them with :port and /base")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "a directory's URL has no user name, query or fragment: bind_dn and filter are keys of their own"
        )
    host_name(parts.hostname)
    if parts.port is not None:  # raises ValueError for what is no port
        _port(str(parts.port))
    return text


def _port(text: str) -> int:
    port = int(text) if len(text) <= 5 else 0
    if not 1 <= port <= 65535:
        raise ValueError(f"a port is a number from 1 to 65535, not {text}")
    return port


def _socket(scheme: Scheme, path: str) -> str:
    if scheme == "smtp+starttls":
        raise ValueError("a unix socket has no STARTTLS: write smtp:///path or lmtp:///path")
    if path.endswith("/") or "\0" in path or len(path.encode()) > LONGEST_SOCKET:
        raise ValueError(f"a unix socket is an absolute path of at most {LONGEST_SOCKET} octets")
    return path
