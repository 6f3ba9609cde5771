"""The sections of the configuration: TLS, signing, lookups, notices and the log."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from relay.config.base import Section, needed, setting
from relay.config.key_origins import Keyserver
from relay.config.ldap import LdapSection, assure_login
from relay.config.lists import AtLeastOne, Listed
from relay.config.paths import File, Folder, SecretFile
from relay.config.values import (
    AllowedNetwork,
    AsciiAddress,
    Directory,
    Duration,
    DurationOrNone,
    Filter,
    NamedMailbox,
    Pattern,
    Place,
    Signer,
    Text,
)
from relay.model import Address

DEFAULT_SOURCES = ("keyring", "ldap", "wkd")


class Tls(Section):
    """TLS of the inlet."""

    certificate: File = needed("The relay's certificate with its chain, PEM.")
    key: File = needed("Its key, PEM, without a passphrase.")
    client_ca: File | None = setting(None, "Clients must show a certificate of this authority; null: they need none.")


class Deadlines(Section):
    """How long each step may take."""

    gpg: Duration = setting("30s", "One call of gpg; more for a large message.")
    next_hop: Duration = setting("60s", "Each reply of the next hop: connection, EHLO, MAIL, RCPT, DATA.")
    final_dot: Duration = setting("600s", "The next hop's reply to the whole message (RFC 5321 section 4.5.3.2.6).")
    store: Duration = setting("10s", "Waiting for the store while another process writes.")
    stop: Duration = setting("25s", "Finishing mails at a stop; the service manager must wait longer.")


class Sign(Section):
    """The keys that sign encrypted mail."""

    default: Signer | None = setting(
        None,
        "The secret key that signs, by fingerprint or address; null: nothing is signed, whatever a rule says. "
        "Thunderbird shows its signature as a mismatch once the key is accepted: its user id is not the From address.",
    )
    senders: dict[Pattern, Signer] = setting({}, "Other keys for some senders; the first pattern that matches.")
    late: Literal["unsigned", "signed"] = setting(
        "unsigned",
        "A mail that leaves more than 50 minutes from its Date: sign it or not. Thunderbird shows a signature made "
        "over an hour from Date as a forgery.",
    )
    passphrase_file: SecretFile | None = setting(
        None, "A file whose first line is the passphrase of these keys; null: they have none."
    )

    @property
    def keys(self) -> frozenset[str]:
        """All keys that are named here, each by fingerprint or address."""
        return frozenset({*self.senders.values(), *([self.default] if self.default else [])})

    def signer(self, sender: Address | None) -> str | None:
        """The key that signs mail of this sender."""
        return next((who for pattern, who in self.senders.items() if pattern.surely_matches(sender)), self.default)


class LdapServer(LdapSection):
    """One directory of `lookup.ldap`."""

    url: Directory = needed("`ldaps://host`, `ldap://host:port`.")
    base: Text | None = setting(
        None, "Where the search begins; null: as the server's `pgpServerInfo` says (GnuPG's schema)."
    )
    filter: Filter | None = setting(
        None, "The search filter, such as `(mail={address})`; null: that of GnuPG's schema."
    )
    attribute: Text = setting("pgpKey", "The attribute with the key, armored or binary.")
    starttls: bool = setting(default=False, why="TLS over `ldap://`.")
    ca_file: File | None = setting(None, "The authorities that are trusted, PEM; null: the system's.")
    bind_dn: Text | None = setting(None, "The login; null: anonymous.")
    password_file: File | None = setting(None, "A file whose first line is the password of `bind_dn`.")
    probe: AsciiAddress | None = setting(
        None,
        "An address whose key is certainly in this directory: while that key is not found there, “no key” is not "
        "believed. Null: nothing proves it.",
    )
    timeout: Duration = setting("5s", "How long one answer may take.")

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        assure_login(self.bind_dn, self.password_file, "the relay")
        return self


class Wkd(Section):
    """The section `lookup.wkd`: the Web Key Directory of other domains."""

    timeout: Duration = setting("5s", "For one domain, from resolving its name to the last octet.")
    ca_file: File | None = setting(None, "The authorities that are trusted, PEM; null: the system's.")
    connect_to: dict[Place, Place] = setting({}, "Another address for `host:port`, as curl's `--connect-to`.")
    allow_networks: Listed[AllowedNetwork] = setting(
        [], "Private networks that the relay may connect to; all other private networks are refused."
    )


class Cache(Section):
    """How long an answer of LDAP or WKD is remembered."""

    found: DurationOrNone = setting("24h", "For an answer with a key.")
    not_found: DurationOrNone = setting("1h", "For an answer without a key.")
    unavailable: DurationOrNone = setting("1m", "For an outage.")


class LookupKeys(Section):
    """Where keys are looked for."""

    sources: AtLeastOne[Literal["keyring", "ldap", "wkd"]] = setting(
        list(DEFAULT_SOURCES), "The sources, in the order in which they are asked."
    )
    timeout: Duration = setting(
        "15s",
        "How long all lookups for one message may take. A source that has not answered by then counts as down.",
    )
    ldap: Listed[LdapServer] = setting([], "LDAP servers, in this order.")
    wkd: Wkd = setting({}, "Web Key Directory: keys that a domain publishes.")
    vks: Listed[Keyserver] = setting(
        [], "Keyservers that verify addresses (`https://keys.openpgp.org`), asked after all other sources."
    )
    cache: Cache = setting({}, "How long an answer of LDAP or WKD is remembered.")


class Notices(Section):
    """The mails that tell a sender why a mail was not sent."""

    language: Literal["en", "fr"] = setting("en", "Their language.")
    from_: NamedMailbox = setting(
        "postmaster@localhost",
        "Their sender, with a name if you like: `Hôpital Exemple, messagerie chiffrée <messagerie@hopital.example>`.",
        alias="from",
    )
    contact: Text | None = setting(None, "Whom to ask, as the notice says it: `the IT desk, phone 4321`.")
    waits: Duration = setting("5d", "How long a held mail waits; the same as Postfix's `maximal_queue_lifetime`.")
    templates: Folder | None = setting(
        None,
        "A folder with `refused.txt`, `held.txt`, `undelivered.txt` or `returned.txt` instead of the built-in texts; "
        "`refused-several.txt` and the like for several recipients, or the same text serves for these too.",
    )


class Log(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "What is logged; no level logs content.")
    format: Literal["console", "json"] = setting("console", "For people, or one JSON object a line for programs.")
