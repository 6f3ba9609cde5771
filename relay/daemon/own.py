"""The parts of `relay.own` for a configuration. Raises `OwnError` where the organisation has no key yet."""

from __future__ import annotations

from functools import partial

from relay.config import Config
from relay.daemon.engines import passphrase
from relay.daemon.jobs.own_keys import OwnKeysJob
from relay.model.errors import OwnError
from relay.openpgp import signing
from relay.openpgp.own import GnuPGKeyMaker
from relay.own import addresses
from relay.own.certificates import Lifetimes, OwnCertificates
from relay.own.rotation import Rotation
from relay.store import Store


async def build_certificates(config: Config, store: Store) -> OwnCertificates:
    """What makes and changes the certificates of our own addresses."""
    return OwnCertificates(store.own_keys, await _maker(config, store), config.own.domains, lifetimes(config))


async def build_rotation(config: Config, store: Store) -> Rotation:
    """What renews and deletes their encryption subkeys."""
    return Rotation(store.own_keys, await _maker(config, store), lifetimes(config))


async def build_job(config: Config, store: Store) -> OwnKeysJob | None:
    """What keeps them up beside mail; None where there are no own domains, or no organisation's key yet."""
    if not config.own.domains or await store.own_keys.organisation() is None:
        return None
    certificates, rotation = await build_certificates(config, store), await build_rotation(config, store)
    file = config.own.addresses
    return OwnKeysJob(certificates, rotation, partial(addresses.read, file) if file else list, store.leases)


def lifetimes(config: Config) -> Lifetimes:
    """Of encryption subkeys."""
    return Lifetimes(config.own.subkey.valid, config.own.subkey.renew, config.own.subkey.keep)


async def _maker(config: Config, store: Store) -> GnuPGKeyMaker:
    organisation = await store.own_keys.organisation()
    if organisation is None:
        raise OwnError("the organisation has no key yet: pgp-relay own create NAME")
    data = await signing.export_binary(config.keyring, organisation)
    return GnuPGKeyMaker(config.keyring, organisation, data, passphrase(config))
