"""The chain that a configuration describes: keyring, LDAP, WKD, each with what it needs.

Raises `ConfigError` for what only shows when a source is made: an extra that is not installed, a file of
authorities that cannot be used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from relay.config import Config
from relay.config.sections import LdapServer
from relay.keys import wkd
from relay.keys.cache import CachedSource, CacheStore, Lifetimes, OutageReasons
from relay.keys.keyring import NAME as KEYRING
from relay.keys.keyring import Keyring
from relay.keys.ldap.reason import Reason as LdapReason
from relay.keys.ldap.server import Server
from relay.keys.ldap.source import Ldap
from relay.keys.merge_policy import LearningExaminer, MergePolicy
from relay.keys.resolver import LocalStore, Resolver
from relay.keys.wkd.fetch_client import FetchClient
from relay.keys.wkd.port import Settings
from relay.keys.wkd.source import Wkd
from relay.model import Address
from relay.pipeline.ports import Examiner
from relay.store import Store

# Of one address alone are the answers that were understood, and a server that refuses to say.
_DIRECTORY_DOWN = frozenset(LdapReason) - {
    LdapReason.FILTER,
    LdapReason.TOO_MUCH,
    LdapReason.PROTOCOL,
    LdapReason.EXAMINER,
}
_DOMAIN_DOWN = frozenset(
    {
        wkd.Reason.NAME,
        wkd.Reason.ADDRESS,
        wkd.Reason.CONNECTION,
        wkd.Reason.BROKEN,
        wkd.Reason.TIMEOUT,
        wkd.Reason.TLS,
        wkd.Reason.TLS_CERTIFICATE,
        wkd.Reason.PROTOCOL,
        wkd.Reason.SERVER,
    }
)


_DIRECTORY_SAYS = frozenset(LdapReason) - {LdapReason.WORKER, LdapReason.EXAMINER}
_DOMAIN_SAYS = frozenset(wkd.Reason) - {wkd.Reason.FETCHER, wkd.Reason.EXAMINER}


class Sources:
    """The two that are asked over the network, where the configuration names them."""

    def __init__(self, config: Config, examiner: Callable[[], Examiner]) -> None:
        listed = config.lookup.sources
        servers = [_server(server) for server in config.lookup.ldap] if "ldap" in listed else []
        self.ldap = Ldap(servers, examiner()) if servers else None
        self.wkd = _wkd(config, examiner()) if "wkd" in listed else None
        self._order = listed

    def remotes(self, memory: CacheStore) -> Sequence[CachedSource]:
        """Each with its memory, in the configured order."""
        made: dict[str, CachedSource] = {}
        if self.ldap:
            made["ldap"] = CachedSource(self.ldap, memory, _everything, _reasons(_DIRECTORY_SAYS, _DIRECTORY_DOWN))
        if self.wkd:
            made["wkd"] = CachedSource(self.wkd, memory, _domain, _reasons(_DOMAIN_SAYS, _DOMAIN_DOWN))
        return [made[name] for name in self._order if name in made]

    async def close(self) -> None:
        """Release connections, processes and threads."""
        for source in (self.ldap, self.wkd):
            if source:
                await source.close()


def build_keyring(config: Config, store: Store) -> Keyring:
    """The local store as a source."""
    versions = frozenset({4, 6} if config.engine == "sequoia" else {4})  # GnuPG reads no version 6
    return Keyring(store.certificates, refuse_weak=config.weak_keys == "refuse", versions=versions)


def lifetimes(config: Config) -> Lifetimes:
    """For how long answers count."""
    cache = config.lookup.cache
    return Lifetimes(cache.found, cache.not_found, cache.unavailable)


def build_resolver(config: Config, store: Store, examiner: Callable[[], Examiner]) -> Resolver:
    """Keyring and sources, as the configuration has them; each with an examiner of its own."""
    listed = KEYRING in config.lookup.sources
    merge_policy = MergePolicy(store.certificates, examiner(), imported_first=listed)
    found = Sources(config, lambda: LearningExaminer(examiner(), merge_policy))
    memory = CacheStore(store.answers, store.certificates, merge_policy, lifetimes(config))
    local = LocalStore(build_keyring(config, store), store.certificates, merge_policy, listed)
    return Resolver(local, found.remotes(memory), config.lookup.timeout, found.close)


def _server(keys: LdapServer) -> Server:
    password = keys.password_file.read_bytes().split(b"\n", 1)[0].rstrip(b"\r") if keys.password_file else None
    return Server(
        url=keys.url,
        base=keys.base,
        filter=keys.filter,
        attribute=keys.attribute,
        starttls=keys.starttls,
        ca_file=str(keys.ca_file) if keys.ca_file else None,
        bind_dn=keys.bind_dn,
        password=password.decode("utf-8", "surrogateescape") if password is not None else None,
        timeout=keys.timeout,
    )


def _wkd(config: Config, examiner: Examiner) -> Wkd:
    keys = config.lookup.wkd
    settings = Settings.of(
        timeout=keys.timeout,
        ca_file=keys.ca_file,
        connect_to={str(place): str(target) for place, target in keys.connect_to.items()},
        allow_networks=keys.allow_networks,
    )
    return Wkd(examiner, FetchClient(settings))


def _reasons(theirs: frozenset[StrEnum], widespread: frozenset[StrEnum]) -> OutageReasons:
    return OutageReasons(frozenset(map(str, theirs)), frozenset(map(str, widespread)))


def _domain(address: Address) -> str:
    return f"@{address.domain}"


def _everything(_address: Address) -> str:
    return "@"
