"""The resolver that a configuration describes: keyring, LDAP, WKD, each with what it needs.

Raises `ConfigError` for what only shows when a source is made: an extra that is not installed, a file of
authorities that cannot be used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from relay.config import Config
from relay.config.sections import LdapServer
from relay.keys import wkd
from relay.keys.authorities import Authorities, Authority, AuthorityExaminer
from relay.keys.bound import BoundKeys
from relay.keys.cache import CachedSource, Limits
from relay.keys.cached_answers import Lifetimes
from relay.keys.current import CurrentCertificates, KnownCertificates
from relay.keys.designated_revokers import RevocationExaminer
from relay.keys.keyring import NAME as KEYRING
from relay.keys.keyring import Keyring
from relay.keys.ldap.pool import SIZE as SESSIONS
from relay.keys.ldap.reason import Reason as LdapReason
from relay.keys.ldap.server import Server
from relay.keys.ldap.source import Ldap
from relay.keys.learning_examiner import LearningExaminer
from relay.keys.local_store import LocalStore
from relay.keys.merge_policy import MergePolicy
from relay.keys.resolver import Resolver
from relay.keys.source_memory import CacheStore
from relay.keys.stored import StoredKeys
from relay.keys.wkd.fetch_client import FetchClient
from relay.keys.wkd.keyservers import Keyservers, Proofs
from relay.keys.wkd.port import Settings
from relay.keys.wkd.source import Wkd
from relay.pipeline.ports import Examiner
from relay.store import Store

_DIRECTORY = Limits(
    scope=lambda _: "@",
    places=SESSIONS,
    places_each=SESSIONS,
    external=frozenset(LdapReason) - {LdapReason.WORKER, LdapReason.EXAMINER},
    # of one address alone are the answers that were understood, and a server that refuses to say
    widespread=frozenset(LdapReason)
    - {
        LdapReason.FILTER,
        LdapReason.TOO_MUCH,
        LdapReason.PROTOCOL,
        LdapReason.EXAMINER,
        LdapReason.HIDDEN,
        LdapReason.SUBORDINATE,
        LdapReason.PROBE,
    },
)
_DOMAINS = Limits(
    scope=lambda address: f"@{address.domain}",
    places=wkd.FETCHES,
    places_each=wkd.FETCHES_OF_A_DOMAIN,
    external=frozenset(wkd.Reason) - {wkd.Reason.FETCHER, wkd.Reason.EXAMINER},
    widespread=frozenset(
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
    ),
)


_KEYSERVERS = replace(_DOMAINS, scope=lambda _: "@", places_each=wkd.FETCHES)


class Sources:
    """The configured sources that are asked over the network."""

    def __init__(
        self,
        config: Config,
        examiner: Callable[[], Examiner],
        proofs: Proofs,
        parts: Callable[[], Examiner] | None = None,
    ) -> None:
        """`parts` makes what examines certificates that were cut down, from which the store is not to learn."""
        parts = parts or examiner
        listed = config.lookup.sources
        servers = [directory(server) for server in config.lookup.ldap] if "ldap" in listed else []
        self.ldap = Ldap(servers, examiner(), parts=parts()) if servers else None
        keyservers = config.lookup.vks
        client = build_wkd_client(config) if keyservers or "wkd" in listed else None
        self.wkd = Wkd(examiner(), client, parts=parts()) if client and "wkd" in listed else None
        self.vks = Keyservers(keyservers, examiner(), client, proofs, parts=parts()) if client and keyservers else None
        self._order = listed

    def remotes(self, store: CacheStore) -> Sequence[CachedSource]:
        """Each with its memory, in the configured order."""
        made: dict[str, CachedSource] = {}
        if self.ldap:
            made["ldap"] = CachedSource(self.ldap, store, _DIRECTORY)
        if self.wkd:
            made["wkd"] = CachedSource(self.wkd, store, _DOMAINS)
        last = [CachedSource(self.vks, store, _KEYSERVERS)] if self.vks else []
        return [*(made[name] for name in self._order if name in made), *last]

    async def close(self) -> None:
        """Release connections, processes and threads."""
        for source in (self.ldap, self.wkd, self.vks):
            if source:
                await source.close()


def readable_versions(config: Config) -> frozenset[int]:
    """The versions of certificates that the engine reads: GnuPG no version 6."""
    return frozenset({4, 6} if config.engine == "sequoia" else {4})


def lifetimes(config: Config) -> Lifetimes:
    """For how long answers count."""
    cache = config.lookup.cache
    return Lifetimes(cache.found, cache.not_found, cache.unavailable)


def build_stored_keys(config: Config, store: Store) -> StoredKeys:
    """For commands: keys are judged as they are stored, and nobody is asked."""
    keyring = _keyring(config, store.certificates, imported=KEYRING in config.lookup.sources)
    return StoredKeys(BoundKeys(store.bindings, store.certificates, keyring), keyring)


def build_authorities(config: Config, certificates: KnownCertificates) -> Authorities:
    """Those of the configuration."""
    return Authorities([Authority(each.key, frozenset(each.domains)) for each in config.authorities], certificates)


def build_resolver(config: Config, store: Store, examiner: Callable[[], Examiner]) -> Resolver:
    """Keyring and sources, as the configuration has them; each with an examiner of its own."""
    listed, versions = KEYRING in config.lookup.sources, readable_versions(config)

    def verifying() -> Examiner:
        return RevocationExaminer(examiner(), store.certificates)

    current = CurrentCertificates(store.certificates, verifying(), versions)
    merge_policy = MergePolicy(store.certificates, verifying(), imported_first=listed)
    authorities = build_authorities(config, current)

    def vouched() -> Examiner:
        return AuthorityExaminer(verifying(), authorities) if authorities.several else verifying()

    found = Sources(config, lambda: LearningExaminer(vouched(), merge_policy), store.keyservers, verifying)
    cache = CacheStore(store.answers, current, merge_policy, lifetimes(config), authorities=authorities.state)
    keyring = _keyring(config, current, imported=listed)
    bound = BoundKeys(store.bindings, current, keyring)
    local = LocalStore(keyring, current, merge_policy, bound, store.tokens, listed)
    return Resolver(local, found.remotes(cache), config.lookup.timeout, found.close)


def _keyring(config: Config, certificates: KnownCertificates, *, imported: bool) -> Keyring:
    weak, versions = config.weak_keys == "refuse", readable_versions(config)
    return Keyring(certificates, refuse_weak=weak, versions=versions, imported=imported)


def directory(keys: LdapServer) -> Server:
    """A server of `lookup.ldap`."""
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
        probe=keys.probe,
    )


def build_wkd_client(config: Config) -> FetchClient:
    """The client for Web Key Directories and keyservers, with the settings of `lookup.wkd`."""
    keys = config.lookup.wkd
    settings = Settings.of(
        timeout=keys.timeout,
        ca_file=keys.ca_file,
        connect_to={str(place): str(target) for place, target in keys.connect_to.items()},
        allow_networks=keys.allow_networks,
    )
    return FetchClient(settings)
