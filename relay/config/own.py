"""The section `own`: the organisation's key and the certificates of our own addresses."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import model_validator

from relay.config.base import Contradiction, Section, needed, setting
from relay.config.ldap import LdapSection
from relay.config.lists import Listed
from relay.config.paths import Existing, File, SecretFile
from relay.config.values import OFF, AllowedNetwork, Directory, Duration, MailDomain, Text


class SubkeyKeys(Section):
    """The life of an encryption subkey."""

    valid: Duration = setting("400d", "How long correspondents may encrypt to a subkey.")
    renew: Duration = setting("200d", "The age of a subkey at which a new one is made.")
    keep: Duration = setting(
        "30d",
        "How long after its expiry a subkey is deleted. Mail encrypted to it can then no longer be decrypted.",
    )

    @model_validator(mode="after")
    def _renewed_in_time(self) -> Self:
        if self.renew >= self.valid:
            raise Contradiction("renew", "renew has to be shorter than valid, or correspondents have no key in between")
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
        "Which addresses exist: a file with one address a line; `{ldap: 0}`: all addresses in entry 0 of "
        "`lookup.ldap`; null: those that were added with `own add`.",
    )
    subkey: SubkeyKeys = setting({}, "How long encryption subkeys are used and kept.")
    autocrypt: Annotated[Literal["off", "encrypted", "all"], OFF] = setting(
        "encrypted",
        "Which outgoing mail gets an `Autocrypt` field with the sender's own key: none, encrypted mail, or all.",
    )
    sign_from: Listed[AllowedNetwork] = setting(
        ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
        "Networks of clients, as Postfix reports them by XFORWARD. Mail from them is signed with its sender's own key.",
    )
    ldap: OwnLdap | None = setting(
        None, "Where `own publish ldap` writes: a directory with GnuPG's schema; null: nowhere."
    )
