"""The section `own`: the organisation's key and the certificates of our own addresses."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from relay.config.base import Contradiction, Section, needed, setting
from relay.config.ldap import LdapSection
from relay.config.lists import Listed
from relay.config.paths import Existing, File, SecretFile
from relay.config.values import AllowedNetwork, Directory, Duration, MailDomain, Text


class SubkeyKeys(Section):
    """The life of an encryption subkey."""

    valid: Duration = setting("400d", "How long correspondents may encrypt to it.")
    renew: Duration = setting("200d", "After this time a new one is made.")
    keep: Duration = setting("30d", "How long after its end it is deleted: older mail cannot be opened any more.")

    @model_validator(mode="after")
    def _renewed_in_time(self) -> Self:
        if self.renew >= self.valid:
            raise Contradiction("renew", "renew is shorter than valid: else correspondents have no key meanwhile")
        return self


class OwnLdap(LdapSection):
    """The directory that `own publish ldap` writes into."""

    url: Directory = needed("`ldaps://host`, `ldap://host:port`.")
    bind_dn: Text = needed("The login that may write.")
    password_file: SecretFile = needed("A file whose first line is its password.")
    starttls: bool = setting(default=False, why="TLS over `ldap://`.")
    ca_file: File | None = setting(None, "The authorities that are trusted, PEM; null: the system's.")


class OwnKeys(Section):
    """Our own mail addresses."""

    domains: Listed[MailDomain] = setting([], "Our own mail domains. Empty: the relay makes no certificates.")
    addresses: Existing | None = setting(
        None,
        "Who exists: a file with one address a line, or `{ldap: 0}`: everybody in that entry of `lookup.ldap`; null: "
        "those that `own add` was given.",
    )
    subkey: SubkeyKeys = setting({}, "The life of encryption subkeys.")
    autocrypt: Literal["off", "encrypted", "all"] = setting(
        "encrypted",
        "On which outgoing mail the `Autocrypt` field with the sender's own key stands: none, what is encrypted, all.",
    )
    sign_from: Listed[AllowedNetwork] = setting(
        ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
        "Networks of clients (XFORWARD) whose mail is signed with its sender's own key.",
    )
    ldap: OwnLdap | None = setting(
        None, "Where `own publish ldap` writes: a directory with GnuPG's schema; null: nowhere."
    )
