"""The types of the configuration's values: each is parsed from YAML and valid afterwards.

Durations are seconds, sizes octets. `Kind` carries the words by which the reference names a
type. A validator raises `ValueError` with a sentence for the person who wrote the file, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, InstanceOf

from relay.config.yaml_tree import EMPTY
from relay.model import Address, Mailbox
from relay.model.endpoint import Endpoint, HostPort, HttpPlace, directory_url, host_name
from relay.model.errors import AddressError
from relay.policy import AddressPattern

T = TypeVar("T")
Network = IPv4Network | IPv6Network

LONGEST_DURATION = 100 * 365 * 86400
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_OCTETS = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?(ms|[smhdw])", re.ASCII)
_SIZE = re.compile(r"(\d{1,15}) ?([A-Za-z]*)", re.ASCII)
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_NODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?", re.ASCII)
_FIELD_NAME = re.compile(r"[!-9;-~]{1,100}")


@dataclass(frozen=True, slots=True)
class Kind:
    """What the reference calls a type."""

    words: str


def duration(value: object) -> float:
    """`30s`, `15m`, `24h`, `183d`; also `250ms`, `1.5h`, `2w`."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError("a duration is a number and its unit: 30s, 15m, 24h or 183d")
    length = float(found[1]) * _SECONDS[found[2]]
    if length > LONGEST_DURATION:
        raise ValueError("a duration is at most a hundred years")
    return length


def size(value: object) -> int:
    """Return the octets that `50MiB`, `10MB` or `1048576` says. Raises `ValueError`."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    found = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if not found or found[2] not in _OCTETS:
        raise ValueError(f"a size is a number of octets or has one of the units {', '.join(u for u in _OCTETS if u)}")
    return int(found[1]) * _OCTETS[found[2]]


def _positive(value: float) -> float:
    if value <= 0:
        raise ValueError("has to be more than 0")
    return value


def _text(parse: Callable[[str], T]) -> BeforeValidator:
    """A value read from text; the errors of our own values become pydantic's."""

    def read(value: object) -> T:
        if not isinstance(value, str):
            raise ValueError("has to be text: put it in quotes")  # noqa: TRY004  pydantic takes ValueError alone
        try:
            return parse(value)
        except AddressError as error:
            raise ValueError(str(error)) from error

    return BeforeValidator(read)


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        return _explained(text)


def _explained(text: str) -> Network:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"“{text}” is no network, such as 10.1.0.0/16 or ::1/128") from None
    raise ValueError(f"“{text}” has bits set behind the prefix; did you mean “{meant}”?")


def _mailbox(text: str) -> Address:
    address = Address(text)
    if not address.domain:
        raise ValueError(f"“{text}” has no domain")
    return address


def _mail_domain(text: str) -> str:
    if "@" in text:
        raise ValueError(f"“{text}” is no domain: leave out what stands before the @")
    return _mailbox(f"x@{text}").domain


def _named_mailbox(text: str) -> Mailbox:
    mailbox = Mailbox.parse(text)
    return replace(mailbox, address=_ascii_address(mailbox.address.text))


def _ascii_address(text: str) -> Address:
    """With its domain in A-labels; servers without SMTPUTF8 take mail from it too."""
    address = _mailbox(text)
    if not (address.local.isascii() and address.domain.isascii()):
        raise ValueError(f"“{address}” cannot be written in ASCII, and not every server takes mail from it")
    return address if address.is_ascii else Address(f"{address.local}@{address.domain}")


def _signer(text: str) -> str:
    """Upper-case fingerprint, or an address as it came."""
    if "@" in text:
        return _mailbox(text).text
    compact = text.replace(" ", "").removeprefix("0x").upper()
    if not _FINGERPRINT.fullmatch(compact):
        raise ValueError("a key is named by its fingerprint of 40 or 64 hexadecimal digits, or by an address")
    return compact


def _fingerprint(text: str) -> str:
    """Upper-case, without blanks."""
    compact = text.replace(" ", "").removeprefix("0x").upper()
    if not _FINGERPRINT.fullmatch(compact):
        raise ValueError("a fingerprint has 40 or 64 hexadecimal digits")
    return compact


def _one_line(text: str) -> str:
    if not text.strip() or len(text) > 200 or not text.isprintable():
        raise ValueError("has to be one line of 1 to 200 characters")
    return text


def _field_name(text: str) -> str:
    if not _FIELD_NAME.fullmatch(text):
        raise ValueError(f"“{text}” is no name of a header field")
    return text.lower()


def _ldap_filter(text: str) -> str:
    if "{address}" not in text:
        raise ValueError("a filter holds {address}, such as (mail={address})")
    if not (text.startswith("(") and text.endswith(")")) or text.count("(") != text.count(")"):
        raise ValueError("a filter stands in parentheses, each of them closed (RFC 4515)")
    return text


def _given(value: object) -> object:
    if value is None:
        raise ValueError(EMPTY)
    return value


def _off(value: object) -> object:
    return "off" if value is False else value


def _node(text: str) -> str:
    if not _NODE.fullmatch(text):
        raise ValueError("a node's name has 1 to 64 letters, digits, dots and hyphens")
    return text


Duration = Annotated[float, BeforeValidator(duration), AfterValidator(_positive), Kind("duration")]
DurationOrNone = Annotated[float, BeforeValidator(duration), Kind("duration, 0s for none")]
Size = Annotated[int, BeforeValidator(size), AfterValidator(_positive), Kind("size")]
Text = Annotated[str, AfterValidator(_one_line), Kind("text")]
Where = Annotated[InstanceOf[Endpoint], _text(Endpoint.parse), Kind("URL")]
Place = Annotated[InstanceOf[HostPort], _text(HostPort.parse), Kind("host:port")]
WebPlace = Annotated[InstanceOf[HttpPlace], _text(HttpPlace.parse), Kind("host:port, or `unix:/path`")]
Host = Annotated[str, _text(host_name), Kind("host name")]
Directory = Annotated[str, _text(directory_url), Kind("URL")]
Filter = Annotated[str, _text(_ldap_filter), Kind("LDAP filter")]
AllowedNetwork = Annotated[InstanceOf[IPv4Network] | InstanceOf[IPv6Network], _text(_network), Kind("network")]
AsciiAddress = Annotated[InstanceOf[Address], _text(_ascii_address), Kind("address")]
NamedMailbox = Annotated[InstanceOf[Mailbox], _text(_named_mailbox), Kind("address, or `name <address>`")]
Pattern = Annotated[InstanceOf[AddressPattern], _text(AddressPattern), Kind("address pattern")]
Signer = Annotated[str, _text(_signer), Kind("fingerprint or address")]
Fingerprint = Annotated[str, _text(_fingerprint), Kind("fingerprint")]
MailDomain = Annotated[str, _text(_mail_domain), Kind("domain")]
FieldName = Annotated[str, _text(_field_name), Kind("header field")]
NodeName = Annotated[str, _text(_node), Kind("name")]

OFF = BeforeValidator(_off)
"""Of a key that has words as values, `off` among them: without quotes that is false in YAML 1.1, which PyYAML reads."""
LeftOut = Annotated[T | None, BeforeValidator(_given)]
"""None where the key is left out (its default is not validated); null is refused."""
