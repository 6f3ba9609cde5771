"""The section `console`: who may log in to the pages for administrators, and how."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from relay.config.base import Contradiction, Section, needed, setting
from relay.config.ldap import LdapSection, assure_login
from relay.config.lists import Listed
from relay.config.paths import File, OthersSecret
from relay.config.pickup import PageUrl
from relay.config.values import AllowedNetwork, Directory, Duration, Kind, Text
from relay.model.console import Role
from relay.model.endpoint import is_loopback

Groups = dict[Annotated[Role, Field(strict=False)], Text]
_NAME = "{name}"


def _issuer(text: str) -> str:
    """Validate the issuer's URL: compared as it is written; without TLS only on this machine."""
    parts = urlsplit(text)
    plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not (parts.scheme == "https" or plain) or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f"“{text}” is no issuer: write https://sso.hopital.example/realms/main")
    return text


def _person_filter(text: str) -> str:
    if _NAME not in text or not (text.startswith("(") and text.endswith(")")) or text.count("(") != text.count(")"):
        raise ValueError("a filter stands in parentheses and holds {name}, such as (uid={name})")
    return text


class OidcLogin(Section):
    """An OpenID provider by which people log in."""

    issuer: Annotated[str, AfterValidator(_issuer), Kind("URL")] = needed(
        "As the provider writes it: `https://sso.hopital.example/realms/main`."
    )
    client_id: Text = needed("The console's name there.")
    client_secret_file: OthersSecret = needed("A file whose first line is its secret, for the console's user alone.")
    groups: Groups = needed("Which group gives which role: `{keys: pgp-keys, admin: pgp-admins}`.")
    claim: Text = setting("groups", "The claim of the ID token with the groups.")
    scopes: Text = setting("openid profile", "The scopes to request, separated by blanks.")
    ca_file: File | None = setting(None, "The authorities that are trusted, PEM; null: the system's.")


class LdapLogin(LdapSection):
    """A directory by which people log in, with name and password."""

    url: Directory = needed("`ldaps://host`, `ldap://host:port`.")
    starttls: bool = setting(default=False, why="TLS over `ldap://`.")
    ca_file: File | None = setting(None, "The authorities that are trusted, PEM; null: the system's.")
    bind_dn: Text | None = setting(None, "The login that looks people up; null: anonymous.")
    password_file: OthersSecret | None = setting(
        None, "A file whose first line is its password, for the console's user alone."
    )
    base: Text = needed("Where people are: `ou=people,dc=hopital,dc=example`.")
    filter: Annotated[str, AfterValidator(_person_filter), Kind("LDAP filter")] = setting(
        "(uid={name})",
        "The search filter for the typed name. It must not use an attribute that people can change themselves.",
    )
    groups: Groups = needed(
        'Which group gives which role, by DN: `{keys: "cn=pgp-keys,ou=groups,dc=hopital,dc=example"}`.'
    )
    timeout: Duration = setting("5s", "How long a login there may take.")

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        assure_login(self.bind_dn, self.password_file, "the console")
        return self


class Login(Section):
    """The ways to log in."""

    oidc: OidcLogin | None = setting(None, "An OpenID provider; null: none.")
    ldap: LdapLogin | None = setting(None, "A directory, with name and password; null: none.")
    local: bool = setting(default=True, why="The console's own users: a passkey, or a password with a second factor.")


class ConsoleTls(Section):
    """TLS of the console itself."""

    certificate: File = needed("The console's certificate with the chain, PEM.")
    key: OthersSecret = needed("The certificate's key, PEM, without a passphrase. Only the console's user may read it.")


class ConsoleKeys(Section):
    """The section `console`: pages for administrators."""

    url: PageUrl | None = setting(
        None,
        "Its address in the browser, such as `https://pgp.hopital.example`: passkeys and `login.oidc` need it.",
    )
    tls: ConsoleTls | None = setting(
        None, "HTTPS by the console itself; null: a reverse proxy on this machine does HTTPS."
    )
    trusted_proxies: Listed[AllowedNetwork] = setting(
        ["127.0.0.0/8", "::1/128"], "Reverse proxies whose `X-Forwarded-For` is used as the client's address."
    )
    login: Login = setting({}, "The ways to log in.")
    four_eyes: Listed[Literal["approve", "bind", "own"]] = setting(
        [], "What needs a second person within 24 hours, in pages and commands alike."
    )
    idle: Duration = setting("15m", "A session that is not used for this time ends.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.login.oidc and self.url is None:
            raise Contradiction("url", "login.oidc comes back to this address: give it")
        return self
