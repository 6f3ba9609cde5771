"""The parts of pick-ups for a configuration: terms, codes, and the way to the public service."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from relay.channel.client import Channel
from relay.config import Config
from relay.daemon.jobs.pickup_ends import PickupEnds
from relay.mail.notice_texts import Language
from relay.mail.pickup_letters import PickupLetters
from relay.model import Address
from relay.model.own import OwnKey
from relay.model.pickup import Handover, Pickup
from relay.model.public import ObjectKind, PublicObject
from relay.openpgp.vault import Vault
from relay.pipeline.code_handover import CodeHandover
from relay.pipeline.next_hop import NextHop
from relay.pipeline.pickup import Pickups
from relay.pipeline.pickup_terms import PickupTerms
from relay.pipeline.ports import Engine, Outlet, PickupService
from relay.process import hook
from relay.store import OwnKeys, Store
from relay.store import Pickups as Register

NOBODY = frozenset({"mailer-daemon", "noreply", "no-reply", "ne-pas-repondre", "nepasrepondre", "postmaster"})
"""Local parts of addresses that nobody writes from."""


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """`ports.OwnPeople` from the store."""

    keys: OwnKeys

    async def certificate(self, address: Address) -> OwnKey | None:
        """Its certificate, where it has one in use and a person may stand behind it."""
        if address.local.lower() in NOBODY:
            return None
        key = await self.keys.get(address)
        return key if key and key.signs else None


@dataclass(frozen=True, slots=True)
class StoredPresets:
    """`ports.Presets`: encrypted in the store."""

    register: Register
    vault: Vault

    async def known(self, recipient: Address) -> bool:
        """Whether there is one."""
        return await self.register.preset(recipient) is not None

    async def code(self, recipient: Address) -> str | None:
        """The one that is not used yet."""
        closed = await self.register.preset(recipient)
        return None if closed is None else await self.vault.open(closed)


@dataclass(frozen=True, slots=True)
class ChannelService:
    """`ports.PickupService` over the channel."""

    channel: Channel

    async def put(self, pickup: Pickup, ciphertext: bytes) -> None:
        """Store it on the public web service; nobody can open it before `activate`."""
        expires = math.ceil(pickup.expires)
        await self.channel.put(
            PublicObject(ObjectKind.PICKUP, pickup.id, ciphertext, expires, active=False, proof=pickup.proof)
        )

    async def activate(self, pickup: Pickup) -> bool:
        """Let it be opened from now on."""
        return await self.channel.activate(ObjectKind.PICKUP, pickup.id)

    async def remove(self, pickup: Pickup) -> None:
        """Take the pick-up off the public part."""
        await self.channel.remove(ObjectKind.PICKUP, pickup.id)


@dataclass(frozen=True, slots=True)
class ProgramHook:
    """`ports.CodeHook`: the program of `pickup.hook`."""

    program: Path

    async def hand_over(self, recipient: Address, code: str) -> bool:
        """Whether it ended with 0 in time."""
        return recipient.text.isprintable() and await hook.run(self.program, (recipient.text, code))


def build_terms(config: Config, store: Store) -> PickupTerms | None:
    """When a mail may become a pick-up; None where there is no page."""
    if config.pickup.url is None:
        return None
    return PickupTerms(
        config.pickup.code,
        config.pickup.max_size,
        frozenset(config.own.domains),
        OwnAddresses(store.own_keys),
        build_presets(config, store),
    )


def build_presets(config: Config, store: Store) -> StoredPresets:
    """Codes that recipients were given beforehand."""
    return StoredPresets(store.pickups, Vault(config.keyring, config.deadlines.gpg))


def build_letters(config: Config, hostname: str) -> PickupLetters:
    """The mails around a pick-up."""
    return PickupLetters(
        language=Language(config.notices.language),
        sender=config.notices.from_,
        organisation=config.pickup.organisation or config.notices.from_.name,
        hostname=hostname,
        url=config.pickup.url or "",
        contact=config.notices.contact,
        phrase=config.pickup.phrase,
        answers=bool(config.inbound.listen),
    )


def build_pickups(  # noqa: PLR0913  what it is made of
    config: Config, store: Store, *, engine: Engine, service: PickupService, next_hop: NextHop, hostname: str
) -> Pickups:
    """What stores pick-ups and hands them over."""
    program, letters = config.pickup.hook, build_letters(config, hostname)
    code_hook = ProgramHook(program) if program and config.pickup.code is Handover.HOOK else None
    return Pickups(
        engine=engine,
        service=service,
        register=store.pickups,
        presets=build_presets(config, store),
        people=OwnAddresses(store.own_keys),
        handover=CodeHandover(code_hook, letters, next_hop),
        letters=letters,
        next_hop=next_hop,
        language=config.notices.language,
        keep=config.pickup.keep,
        answers=bool(config.inbound.listen),
    )


def build_ends(config: Config, store: Store, service: PickupService, outlet: Outlet, hostname: str) -> PickupEnds:
    """Make what withdraws pick-ups and removes those that have expired."""
    return PickupEnds(
        register=store.pickups,
        service=service,
        people=OwnAddresses(store.own_keys),
        letters=build_letters(config, hostname),
        outlet=outlet,
        leases=store.leases,
        remembered=config.retention,
    )
