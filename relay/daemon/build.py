"""The composition root: builds every part from a configuration. It alone knows all of them.

Raises `ConfigError` for what only shows when parts are made (a template that cannot be filled, an extra that
is not installed), `StoreError` and `EngineError` where the keyring folder, the store or a secret key cannot
be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from relay.config import Config
from relay.daemon import pickup_events, templates
from relay.daemon.deciding import build_decider
from relay.daemon.engines import build_engine, build_pooled_examiner, signers
from relay.daemon.enrolment.parts import EnrolmentParts
from relay.daemon.incoming import IncomingComponents, build_incoming
from relay.daemon.jobs.own_keys import INTERVAL
from relay.daemon.outlets import build_outlet, hostname
from relay.daemon.own import OwnParts, build_authors, build_existing, build_jobs
from relay.daemon.pickups import ChannelService, build_pickups
from relay.daemon.public_link import PublicLink, build_channel, build_link
from relay.daemon.resources import Persistence
from relay.daemon.scheduler import Schedule
from relay.daemon.schedules import build_schedule
from relay.keys.factory import build_resolver
from relay.keys.resolver import Resolver
from relay.mail.notice import Notices
from relay.mail.notice_texts import Language
from relay.pipeline.deliver import Deliverer
from relay.pipeline.encrypt import Encryptor
from relay.pipeline.encrypt_all import BatchEncryptor
from relay.pipeline.next_hop import NextHop
from relay.pipeline.notify import Notifier
from relay.pipeline.outgoing import Pipeline
from relay.pipeline.pickup import Pickups
from relay.pipeline.ports import Engine
from relay.pipeline.receive import Receiver
from relay.smtp.outlet import SmtpOutlet
from relay.store import Store
from relay.telemetry import events
from relay.telemetry.events import Event


@dataclass(frozen=True, slots=True)
class Components:
    """What one configuration is made into."""

    config: Config
    resolver: Resolver
    outlet: SmtpOutlet
    pipeline: Pipeline
    schedule: Schedule
    own_keys: Schedule
    """The jobs for the certificates of own addresses, which may take a quarter of an hour."""
    incoming: IncomingComponents | None = None
    """Where incoming mail is taken."""
    link: PublicLink | None = None
    """The way to the public web service."""
    signers: tuple[str, ...] = ()
    """Fingerprints of the configured keys that sign."""

    async def probe(self) -> None:
        """Every next hop answers. Raises `NextHopError`."""
        for outlet in self._outlets():
            await outlet.probe()

    async def close(self) -> None:
        """Close connections; the store is closed where it was opened."""
        await self.resolver.close()
        await self.outlet.close()
        if self.incoming:
            await self.incoming.close()
        if self.link:
            await self.link.close()

    def _outlets(self) -> tuple[SmtpOutlet, ...]:
        return (self.outlet, self.incoming.outlet) if self.incoming else (self.outlet,)


async def build(config: Config, persistence: Persistence) -> Components:
    """Everything but the inlet, around the open store."""
    if config.shadow:
        events.log().warning(Event.SHADOW)
    store = persistence.store
    resolver = build_resolver(config, store, lambda: build_pooled_examiner(config))
    outlet, notices = build_outlet(config, config.reinject), build_notices(config)
    next_hop = NextHop(outlet, config.deadlines.next_hop + config.deadlines.final_dot)
    signing = await signers(config)
    own, existing = OwnParts(config, store, persistence.past_subkeys), build_existing(config)
    engine, in_pool = await build_engine(config, signing.values())
    channel = build_channel(config)
    encryptor = Encryptor(engine, hostname(config), in_pool)
    enrolment = EnrolmentParts(config, store, encryptor, outlet, signing, channel)
    incoming = build_incoming(config, persistence, resolver, hostname(config), notices, enrolment.desk())
    readers = pickup_events.handlers(config, store, incoming.pipeline if incoming else None)
    link = build_link(config, store, {**readers, **enrolment.handlers()}, channel)
    pipeline = Pipeline(
        receiver=Receiver(persistence.ledger, persistence.audit),
        authors=build_authors(config, signing, own, existing),
        decider=build_decider(config, store, resolver),
        batch=BatchEncryptor(encryptor),
        deliverer=Deliverer(next_hop),
        notifier=Notifier(notices, next_hop, enrolment.inviter()),
        audit=persistence.audit,
        pickups=_build_pickups(config, store, engine, next_hop, link),
        shadow=config.shadow,
    )
    schedule = build_schedule(config, store, resolver, outlet=outlet, enrolment=enrolment, link=link)
    own_keys = Schedule([job.round for job in build_jobs(config, own, existing)], INTERVAL)
    return Components(
        config, resolver, outlet, pipeline, schedule, own_keys, incoming, link, tuple(sorted({*signing.values()}))
    )


def _build_pickups(
    config: Config, store: Store, engine: Engine, next_hop: NextHop, link: PublicLink | None
) -> Pickups | None:
    if link is None or config.pickup.url is None:
        return None
    service = ChannelService(link.channel)
    return build_pickups(config, store, engine=engine, service=service, next_hop=next_hop, hostname=hostname(config))


def build_notices(config: Config) -> Notices:
    """What notices are written with."""
    language = Language(config.notices.language)
    return Notices(
        templates.load(config),
        language,
        config.notices.from_,
        config.notices.contact,
        hostname(config),
        timedelta(seconds=config.notices.waits),
    )
