"""Whether keys from correspondents can be taken as they should, for `check`. Raises `StoreError`."""

from __future__ import annotations

from collections.abc import Iterator

from relay.config import Config
from relay.daemon.storage import opened_store
from relay.model import Address
from relay.model.own import OwnKey


async def enrolment(config: Config) -> str:
    """A line for `check`: how correspondents can send in keys, and what is missing for that."""
    sender, keys_to = config.notices.from_.address, config.enrol.mail
    async with opened_store(config) as store:
        signer = await store.own_keys.get(sender)
        opener = await store.own_keys.get(keys_to) if keys_to else None
    ways = [f"by mail to {keys_to}"] if keys_to else []
    ways += [f"on {config.enrol.web}/keys"] if config.enrol.web else []
    return "; ".join([f"keys come {' and '.join(ways)}", *remarks(config, signer, opener)])


def remarks(config: Config, signer: OwnKey | None, opener: OwnKey | None) -> Iterator[str]:
    """Warnings about a configuration that works but may surprise.

    `signer` is the own key of the address that sends our mails, `opener` that of the address to which keys are mailed.
    """
    sender: Address = config.notices.from_.address
    if not (signer and signer.signs) and config.sign.signer(None) is None:
        yield f"challenges and invitations are not signed: pgp-relay own add {sender}, or set sign.default"
    if config.enrol.mail and opener is None:
        yield f"replies cannot be encrypted: pgp-relay own add {config.enrol.mail}"
