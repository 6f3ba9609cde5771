"""The parts of `relay.own` for a configuration. Raises `OwnError` where the organisation has no key yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from relay.config import Config
from relay.config.paths import InDirectory
from relay.daemon.engines import passphrase, sequoia
from relay.daemon.jobs.own_keys import OwnKeysJob
from relay.daemon.secret_sharing import SecretSharing
from relay.daemon.sharing_maker import SharingMaker
from relay.keys.factory import directory
from relay.keys.ldap.listing import list_addresses
from relay.model import Address
from relay.model.errors import OwnError, RelayError
from relay.openpgp import signing
from relay.openpgp.own import GnuPGKeyMaker
from relay.openpgp.own_signing import signs_here
from relay.own.certificates import Lifetimes, OwnCertificates
from relay.own.existing import ListedElsewhere, ListedInFile, OnlyAdded
from relay.own.ports import Existing, KeyMaker
from relay.own.rotation import Rotation
from relay.own.senders import Senders
from relay.pipeline.author import Authors
from relay.store import Store
from relay.telemetry import events
from relay.telemetry.events import Event


@dataclass(slots=True)
class OwnParts:
    """The parts for own addresses. The organisation's key may be made later, while the relay serves."""

    config: Config
    store: Store
    past: dict[str, float] = field(default_factory=dict)
    """As `Rotation` keeps it."""
    _made: tuple[OwnCertificates, Rotation] | None = None
    _organisation: str | None = None
    """The organisation's key with which `certificates` was made: `node remove` makes a new one."""

    async def certificates(self) -> OwnCertificates:
        """What makes and changes the certificates of own addresses."""
        return (await self._both())[0]

    async def both(self) -> tuple[OwnCertificates, Rotation] | None:
        """`certificates`, and what renews and deletes their encryption subkeys; None without an organisation's key."""
        return None if await self.store.own_keys.organisation() is None else await self._both()

    async def _both(self) -> tuple[OwnCertificates, Rotation]:
        organisation = await self.store.own_keys.organisation()
        if self._made is None or organisation != self._organisation:
            maker = await build_maker(self.config, self.store)
            keys, times = self.store.own_keys, lifetimes(self.config)
            certificates = OwnCertificates(keys, maker, self.config.own.domains, times)
            self._made = certificates, Rotation(keys, maker, times, past=self.past)
            self._organisation = organisation
        return self._made


async def build_certificates(config: Config, store: Store) -> OwnCertificates:
    """What makes and changes the certificates of our own addresses."""
    return await OwnParts(config, store).certificates()


def build_authors(config: Config, signers: Mapping[str, str], parts: OwnParts, existing: Existing) -> Authors:
    """What decides who signs a mail. `signers`: the fingerprint of each key that `sign` names, by that name."""

    def configured(sender: Address | None) -> str | None:
        selector = config.sign.signer(sender)
        return signers[selector] if selector else None

    own = config.own
    if not own.domains:
        return Authors(configured)
    senders = Senders(
        register=parts.store.own_keys,
        is_own=lambda address: address.domain in own.domains,
        existing=existing,
        certificates=parts.certificates,
        failed=_tell,
        signs_here=partial(signs_here, config.keyring),
    )
    return Authors(
        configured,
        senders,
        own.sign_from,
        announced=own.autocrypt != "off",
        announced_on_clear=own.autocrypt == "all",
    )


def build_existing(config: Config) -> Existing:
    """What tells which own addresses exist (`own.addresses`)."""
    match config.own.addresses:
        case None:
            return OnlyAdded()
        case InDirectory(number=number):
            return ListedElsewhere(partial(list_addresses, directory(config.lookup.ldap[number])))
        case file:
            return ListedInFile(file)


def build_jobs(config: Config, parts: OwnParts, existing: Existing) -> list[OwnKeysJob]:
    """The regular jobs for own certificates; none without own domains."""
    return [OwnKeysJob(parts.both, existing, parts.store.leases)] if config.own.domains else []


def lifetimes(config: Config) -> Lifetimes:
    """The lifetimes of encryption subkeys."""
    return Lifetimes(config.own.subkey.valid, config.own.subkey.renew, config.own.subkey.keep)


async def build_maker(config: Config, store: Store) -> KeyMaker:
    """What makes and changes certificates with the engine. Raises `OwnError` without the organisation's key."""
    organisation = await store.own_keys.organisation()
    if organisation is None:
        raise OwnError("the organisation has no key yet: pgp-relay own create NAME")
    data = await signing.export_binary(config.keyring, organisation)
    make = GnuPGKeyMaker if config.engine == "gnupg" else sequoia().SequoiaKeyMaker
    maker: KeyMaker = make(config.keyring, organisation, data, passphrase(config))
    return SharingMaker(maker, SecretSharing(config.keyring, store), store.own_keys) if store.is_shared else maker


def _tell(error: RelayError) -> None:
    events.log().error(Event.FAILED, **events.unforeseen(error))
