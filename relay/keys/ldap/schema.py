"""Where keys stand in a directory: GnuPG's schema in its two versions, or a site's own.

GnuPG's way, which dirmngr goes too: the root DSE's `namingContexts`, below each of them `cn=pgpServerInfo`, and in
that entry the key space's base and the schema's version. Version 2 (`pgpSoftware: GnuPG`, `pgpVersion: 2 …`) is
searched by `gpgMailbox`, version 1 by `pgpUserID`.

GnuPG's own filter leaves out what is marked `pgpRevoked` or `pgpDisabled`. Ours does not: left out, such an entry
would look like "no key", and mail that may go out clear where no key exists would go out clear to someone whose
key has just been revoked. `pgpRevoked` is not even read, because the certificate says it; `pgpDisabled` is the
directory's own statement about an entry, which no certificate holds, and makes its certificate a disabled one.

Raises `Unavailable` where nothing tells: a directory that cannot be understood is not an empty one. Nor is one that
shows an entry without the key that its class demands (`pgpKeyInfo`), or that does not show the key of the known address
(`Server.probe`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from relay.keys.ldap.filter import any_of, escape, spellings
from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.server import PLACEHOLDER, SITE_FILTER, Server
from relay.model import Address

MAX_CONTEXTS = 16
DISABLED = "pgpdisabled"
VERSION_2 = "ldap/gpgMailbox"
_CLASS, _KEY_INFO = "objectclass", b"pgpkeyinfo"
_EVERYTHING = "(objectClass=*)"


@dataclass(frozen=True, slots=True)
class Search:
    """One search request to a directory (RFC 4511 section 4.5)."""

    base: str
    filter: str
    attributes: tuple[str, ...]
    subtree: bool = True


Ask = Callable[[Search], Awaitable[tuple[Entry, ...]]]


@dataclass(frozen=True, slots=True)
class KeySpace:
    """How to find keys in one directory."""

    method: str
    bases: tuple[str, ...]
    attribute: str
    by_mail: str
    by_fingerprint: str | None
    exact: bool = True
    """The filter compares whole addresses; False: part of a user id's text, which may be another address's."""
    proven: bool = True
    """False: the key that is known to be there is not found, and so nothing is known of others."""

    def keys(self, entry: Entry) -> tuple[bytes, ...]:
        """What the entry holds. Raises `Unavailable` where its schema demands a key and none is shown."""
        values = entry.get(self.attribute.partition(";")[0].lower(), ())
        classes = {value.strip().lower() for value in entry.get(_CLASS, ())}
        if not values and (self.by_fingerprint or _KEY_INFO in classes):
            raise Unavailable(Reason.HIDDEN)
        return values

    def address_searches(self, address: Address) -> tuple[Search, ...]:
        """What to ask for an address."""
        return self._searches(
            any_of(tuple(self.by_mail.replace(PLACEHOLDER, escape(text)) for text in spellings(address)))
        )

    def fingerprint_searches(self, fingerprint: str) -> tuple[Search, ...]:
        """What to ask for a certificate; nothing where the schema knows no fingerprints."""
        if self.by_fingerprint is None:
            return ()
        plain = escape(fingerprint)
        return self._searches(self.by_fingerprint.format(fingerprint=plain, key_id=plain[-16:]))

    def _searches(self, filter_: str) -> tuple[Search, ...]:
        attributes = (self.attribute, DISABLED if self.by_fingerprint else _CLASS)
        return tuple(Search(base, filter_, attributes) for base in self.bases)


async def find_key_space(ask: Ask, server: Server) -> KeySpace:
    """The server's key space. A configured base without a filter may hold GnuPG's schema or people's entries."""
    contexts = (server.start,) if server.start else await _contexts(ask)
    if not server.is_site and (space := await _of_gnupg(ask, server, contexts)):
        return space
    if not contexts:
        raise Unavailable(Reason.BASE)
    return KeySpace("ldap/site", contexts, server.attribute, server.filter or SITE_FILTER, None)


async def _of_gnupg(ask: Ask, server: Server, contexts: Sequence[str]) -> KeySpace | None:
    """That of GnuPG's schema; a server without a configured base has it, or is no server for keys."""
    for context in contexts:
        if space := await _gnupg(ask, f"cn=pgpServerInfo,{context}", "pgpBaseKeySpaceDN", "pgpVersion"):
            return space
    if server.start:
        return None
    if space := await _gnupg(ask, "cn=pgpServerInfo", "baseKeySpaceDN", "version"):
        return space
    raise Unavailable(Reason.SCHEMA)


async def proven(ask: Ask, space: KeySpace, server: Server) -> KeySpace:
    """The same key space, with whether the key of the known address (`Server.probe`) was found in it."""
    if server.probe is None:
        return space
    found = [entry for search in space.address_searches(server.probe) for entry in await ask(search)]
    return replace(space, proven=any(space.keys(entry) for entry in found))


async def _contexts(ask: Ask) -> tuple[str, ...]:
    entries = await ask(Search("", _EVERYTHING, ("namingContexts",), subtree=False))
    values = [value for entry in entries for value in entry.get("namingcontexts", ())]
    return tuple(value.decode("utf-8", "replace") for value in values[:MAX_CONTEXTS] if value)


async def _gnupg(ask: Ask, dn: str, base: str, version: str) -> KeySpace | None:
    entries = await ask(Search(dn, _EVERYTHING, (base, version, "pgpSoftware"), subtree=False))
    where = _text(entries, base)
    if not where:
        return None
    number = _number(_text(entries, version))
    if _text(entries, "pgpSoftware").lower() == "gnupg" and number > 1:
        return _version_2(where)
    legacy = dn.lower() == "cn=pgpserverinfo" and number > 1
    return _version_1(where, "pgpKeyV2" if legacy else "pgpKey")


def _version_2(base: str) -> KeySpace:
    return KeySpace(
        VERSION_2,
        (base,),
        "pgpKey",
        "(gpgMailbox={address})",
        "(|(gpgFingerprint={fingerprint})(gpgSubFingerprint={fingerprint}))",
    )


def _version_1(base: str, attribute: str) -> KeySpace:
    by_mail = "(|(pgpUserID=*<{address}>*)(pgpUserID={address}))"  # a user id may be a bare address
    return KeySpace("ldap/pgpUserID", (base,), attribute, by_mail, "(pgpCertID={key_id})", exact=False)


def _text(entries: tuple[Entry, ...], attribute: str) -> str:
    values = [value for entry in entries for value in entry.get(attribute.lower(), ())]
    return values[0].decode("utf-8", "replace").strip() if values else ""


def _number(version: str) -> int:
    first = version.partition(" ")[0]
    return int(first) if first.isascii() and first.isdigit() and len(first) < 4 else 0
