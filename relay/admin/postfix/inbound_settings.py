"""The lines of main.cf and master.cf that lead mail from outside through the relay before it reaches a mailbox.

The smtpd that takes mail from outside (the MX) hands what it takes to the relay, after its milters have verified DKIM
and DMARC: `content_filter` of that service alone. An smtpd of its own takes it back, with the milters that are to see
decrypted mail. Aliases are looked up behind the relay, which needs the address that mail was encrypted for. Bounces of
opened mail come back to the relay by `transport_maps`, whoever makes them; the MX takes them though no mailbox has such
an address.

Raises `PostfixError` for what Postfix cannot do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relay.admin.postfix.settings import (
    Option,
    Service,
    handing_over,
    next_hop,
    option,
    size_limit,
    smtpd_name,
    smtpd_options,
)
from relay.config import Config, Endpoint
from relay.model.errors import PostfixError
from relay.model.mark import FIELD
from relay.model.return_path import POSTMASTER

TRANSPORT = "pgp-relay-inbound"
CLEANUP = "pgp-relay-inbound-cleanup"
SYSLOG_NAME = "postfix/pgp-relay-inbound"
MILTERS = "pgp_relay_inbound_milters"
"""The parameter of main.cf in which an administrator names the milters behind the relay."""
TRANSPORTS = "transport_maps"
CANONICAL = "recipient_canonical_maps"
OVERRIDE = "receive_override_options"
UNMAPPED = "no_address_mappings"
HELD = f"regexp:{{ {{/^{FIELD}: encryption=closed;/ HOLD it stays closed}} }}"
"""For `inbound.hold_closed`: the relay writes this field, and removes any other one of that name."""
SMTPD_OPTIONS = ("content_filter", OVERRIDE, CANONICAL)
"""What is inserted into the entry of the MX."""


@dataclass(frozen=True, slots=True)
class InboundSettings:
    """The settings that lead incoming mail of Postfix through the relay."""

    services: tuple[Service, ...]
    filter: str
    """Transport and next hop of the relay."""
    returns: str
    """The addresses that bounces of opened mail come to, as a pattern of regexp_table(5)."""
    ports: tuple[str, ...] = ()
    """Where the relay listens, on this machine."""

    @property
    def transports(self) -> str:
        """The table that leads bounces of opened mail to the relay."""
        return f"regexp:{{ {{/{self.returns}/ {self.filter}}} }}"

    @property
    def existing(self) -> str:
        """The table by which the MX knows these addresses."""
        return f"regexp:{{ {{/{self.returns}/ $$1}} }}"

    def of_smtpd(self, overrides: Sequence[str], canonical: str) -> tuple[Option, ...]:
        """What the MX gets; `overrides` and `canonical` are what it has."""
        joined = ",".join(dict.fromkeys([*overrides, UNMAPPED]))
        maps = ", ".join(filter(None, (self.existing, canonical)))
        return ("content_filter", self.filter), (OVERRIDE, joined), (CANONICAL, maps)


def inbound_settings(config: Config, *, outgoing: str = "") -> InboundSettings:
    """The lines for this configuration.

    `outgoing`: the `content_filter` of main.cf that leads outgoing mail to the relay. What comes in at the MX for other
    hosts, from clients of our own, does not pass it any more: it goes there from the relay's incoming side.
    """
    keys = config.inbound
    if not keys.listen or keys.reinject is None:
        raise PostfixError("inbound.listen is not set: the relay takes no mail from outside")
    listen = keys.listen[0]
    filter_ = f"{TRANSPORT}:{next_hop(listen)}"
    services = (
        handing_over(TRANSPORT, listen, encrypted=config.tls is not None),
        *_taking_back(config, keys.reinject, outgoing),
    )
    ports = tuple(str(place.port) for place in keys.listen if place.local and not place.path)
    return InboundSettings(services, filter_, _returns(config), ports)


def _taking_back(config: Config, back: Endpoint, outgoing: str) -> tuple[Service, ...]:
    """The server for what comes back, unless the relay delivers to another machine."""
    if back.lmtp or back.path or not back.local:
        return ()
    limit = size_limit(config)
    milters = ("smtpd_milters", f"${MILTERS}")
    onward = f"permit_auth_destination, check_recipient_access static:{{FILTER {outgoing}}}, " if outgoing else ""
    options = smtpd_options(back, SYSLOG_NAME, CLEANUP, "no_unknown_recipient_checks", onward)
    smtpd = Service(smtpd_name(back), "inet", "n", "-", "smtpd", (limit, *options, milters))
    held = (("header_checks", HELD),) if config.inbound.hold_closed else ()
    return smtpd, Service(CLEANUP, "unix", "n", "0", "cleanup", (limit, *held))


def _returns(config: Config) -> str:
    """Anchored; in parentheses, so that it can be referred to. Postfix compares without case."""
    own = config.inbound.return_path
    local = own.local if own else POSTMASTER
    either = "|".join(map(_literal, [own.domain] if own else config.own.domains))
    return rf"^({_literal(local)}\+[a-z2-7]+@({either}))$$"


def _literal(text: str) -> str:
    """Letters, digits, - and _ stand for themselves."""
    return text.replace(".", r"\.")


def inserted(options: Sequence[Option]) -> bytes:
    """Options of a service as lines of master.cf."""
    return "".join(f"    -o {option(*each)}\n" for each in options).encode()
