"""The lines for main.cf and master.cf that one configuration asks for. Pure.

Where mail comes in (the default) every mail that any of Postfix's servers takes goes to the relay: `content_filter`.
Where it leaves (`egress`) only what Postfix would send to other hosts does: `default_transport`. In both, three
services: `pgp-relay` hands over, an smtpd takes back, and a cleanup of its own stands behind that smtpd, because
both it and cleanup hold a mail to `message_size_limit`, and an encrypted mail is a third larger than it was.

See Postfix's FILTER_README, postconf(5), cleanup(8). Raises `PostfixError` for what Postfix cannot do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from relay.config import Config, Endpoint
from relay.model.errors import PostfixError

TRANSPORT = "pgp-relay"
CLEANUP = "pgp-relay-cleanup"
SYSLOG_NAME = "postfix/pgp-relay"
"""The log name of the smtpd that takes mail back; `uninstall` finds its entry in master.cf by it."""

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared, never bound
_PASSED_THROUGH = ("generic_maps", "header_checks", "mime_header_checks", "nested_header_checks", "body_checks")
_NO_RESTRICTIONS = ("client", "helo", "sender", "data", "end_of_data")
_ONCE = (
    *("always_bcc", "sender_bcc_maps", "recipient_bcc_maps", "masquerade_domains"),
    *("canonical_maps", "sender_canonical_maps", "recipient_canonical_maps"),
)

Option = tuple[str, str]

HEADERS_ONLY: Option = ("bounce_size_limit", "1")
"""When Postfix gives up on a mail, the original comes back in clear: its header alone, where it is larger than this."""


@dataclass(frozen=True, slots=True)
class Service:
    """An entry of master.cf: unprivileged, without chroot."""

    name: str
    kind: str
    private: str
    limit: str
    command: str
    options: tuple[Option, ...]

    @property
    def key(self) -> str:
        """As postconf names it."""
        return f"{self.name}/{self.kind}"

    @property
    def entry(self) -> str:
        """As `postconf -M` takes it, on one line."""
        fields = (self.name, self.kind, self.private, "-", "n", "-", self.limit, self.command)
        return " ".join((*fields, *(f"-o {option(*each)}" for each in self.options)))

    def __str__(self) -> str:
        head = f"{self.name:<9} {self.kind:<5} {self.private:<7} -       n       -       {self.limit:<7} {self.command}"
        return "\n".join((head, *(f"    -o {option(*each)}" for each in self.options)))


@dataclass(frozen=True, slots=True)
class Settings:
    """The lines for the two files."""

    main: tuple[Option, ...]
    services: tuple[Service, ...]
    port: str = ""
    """Where the relay listens, on this machine; Postfix may not."""

    def behind(self) -> Settings:
        """The same where another filter stands in main.cf, and hands mail on."""
        return replace(self, main=tuple(each for each in self.main if each[0] != "content_filter"))


def settings(config: Config, *, egress: bool = False) -> Settings:
    """The lines for this configuration."""
    listen = _listen(config)
    filter_ = f"{TRANSPORT}:{next_hop(listen)}"
    main = (
        (("default_transport", filter_),)
        if egress
        else (("content_filter", filter_), ("receive_override_options", "no_address_mappings"))
    )
    services = (handing_over(TRANSPORT, listen, encrypted=config.tls is not None), *_taking_back(config, egress=egress))
    main = (*main, HEADERS_ONLY)
    return Settings(main, services, str(listen.port) if listen.local else "")


def _listen(config: Config) -> Endpoint:
    """Where the relay gets its mail: LMTP where there is a choice, since each recipient has an answer of its own."""
    able = [endpoint for endpoint in config.listen if endpoint.lmtp or not endpoint.path]
    if not able:
        raise PostfixError("Postfix speaks SMTP over TCP only: listen on lmtp:// or on smtp://host:port")
    return min(able, key=lambda endpoint: not endpoint.lmtp)


def next_hop(listen: Endpoint) -> str:
    """As a transport names it."""
    if listen.path:
        return f"unix:{listen.path}"
    return f"[{_LOOPBACK.get(listen.host, listen.host)}]:{listen.port}"


def handing_over(name: str, listen: Endpoint, *, encrypted: bool) -> Service:
    """The client that gives mail to the relay: nothing is rewritten, recoded or folded on this way."""
    protocol = listen.scheme
    keywords = "discard_lhlo_keywords" if listen.lmtp else "discard_ehlo_keywords"
    options = (
        ("send_xforward_command", "yes"),
        ("tls_security_level", "encrypt" if encrypted else "none"),
        ("data_done_timeout", "1200s"),  # longer than all of the relay's own deadlines
        ("line_length_limit", "0"),  # a line is folded at 990 octets otherwise
        ("dns_support_level", "disabled"),
        ("host_lookup", "native"),
        ("sasl_auth_enable", "no"),
        ("fallback_relay", ""),
        ("bind_address", ""),
        (keywords, ""),
        *((each, "") for each in _PASSED_THROUGH),
    )
    named = tuple((f"{protocol}_{each}", value) for each, value in options)
    return Service(name, "unix", "-", "-", protocol, named)


def _taking_back(config: Config, *, egress: bool) -> tuple[Service, ...]:
    """The server for what comes back, unless the relay delivers to another machine."""
    back = config.reinject
    if back.lmtp or back.path or not back.local:
        return ()
    limit = size_limit(config)
    # permit_auth_destination: a notice to one of our own senders is delivered here
    onward = "permit_auth_destination, check_recipient_access static:{FILTER smtp:$relayhost}, " if egress else ""
    overrides = "no_unknown_recipient_checks,no_header_body_checks,no_milters"
    options = smtpd_options(back, SYSLOG_NAME, CLEANUP, overrides, onward)
    smtpd = Service(smtpd_name(back), "inet", "n", "-", "smtpd", (limit, *options))
    # Where mail comes in, addresses are mapped and copies made behind the relay; where it leaves, that was done before
    # it, and aliases alone are looked up again: a notice goes to a sender who may be one.
    once = tuple((name, "") for name in _ONCE) if egress else ()
    return smtpd, Service(CLEANUP, "unix", "n", "0", "cleanup", (limit, *once))


def size_limit(config: Config) -> Option:
    """For what the relay hands back."""
    return "message_size_limit", str(config.max_message_size * 7 // 5 + 1024 * 1024)


def smtpd_name(back: Endpoint) -> str:
    """How master.cf names the server for what comes back."""
    return f"[{back.host}]:{back.port}" if ":" in back.host else f"{back.host}:{back.port}"


def smtpd_options(back: Endpoint, log: str, cleanup: str, overrides: str, onward: str = "") -> tuple[Option, ...]:
    """Of the server that takes mail back: from the loopback alone, without a filter; `onward` restricts recipients."""
    return (
        ("syslog_name", log),
        ("cleanup_service_name", cleanup),
        ("content_filter", ""),
        ("receive_override_options", overrides),
        ("local_header_rewrite_clients", ""),
        ("mynetworks", "127.0.0.0/8,[::1]/128"),
        ("smtpd_authorized_xforward_hosts", "127.0.0.0/8,[::1]/128"),
        ("smtpd_tls_security_level", "may" if back.starttls else "none"),
        ("smtpd_sasl_auth_enable", "no"),
        *((f"smtpd_{name}_restrictions", "") for name in _NO_RESTRICTIONS),
        ("smtpd_relay_restrictions", "permit_mynetworks, reject"),
        ("smtpd_recipient_restrictions", f"{onward}permit_mynetworks, reject"),
        ("smtpd_error_sleep_time", "0"),
        ("smtpd_soft_error_limit", "1001"),
        ("smtpd_hard_error_limit", "1000"),
    )


def option(name: str, value: str) -> str:
    """As `-o` takes it."""
    return f"{{ {name} = {value} }}" if " " in value else f"{name}={value}"
