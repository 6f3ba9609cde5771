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
from relay.daemon.engines import build_engine, build_pooled_examiner, signers
from relay.daemon.enrolment.parts import EnrolmentParts
from relay.daemon.incoming import IncomingComponents, build_incoming
from relay.daemon.jobs.daily_report import DailyReport
from relay.daemon.jobs.key_count import KeyCount
from relay.daemon.jobs.key_refresh import KeyRefresh
from relay.daemon.jobs.own_keys import INTERVAL
from relay.daemon.jobs.retention import Retention
from relay.daemon.outlets import build_outlet, hostname
from relay.daemon.own import OwnParts, build_authors, build_existing, build_jobs
from relay.daemon.pickups import ChannelService, build_ends, build_pickups, build_terms
from relay.daemon.public_link import PublicLink, build_channel, build_link
from relay.daemon.resources import Persistence
from relay.daemon.scheduler import Schedule
from relay.keys.factory import build_resolver, lifetimes
from relay.keys.own_certificates import OwnCertificates, OwnFirst
from relay.keys.resolver import Resolver
from relay.mail.daily_report import Daily, address_in
from relay.mail.notice import Notices
from relay.mail.notice_texts import Language
from relay.pipeline.decide import Decider
from relay.pipeline.deliver import Deliverer
from relay.pipeline.encrypt import Encryptor
from relay.pipeline.encrypt_all import BatchEncryptor
from relay.pipeline.next_hop import NextHop
from relay.pipeline.notify import Notifier
from relay.pipeline.opened import OpenedCheck
from relay.pipeline.outgoing import Pipeline
from relay.pipeline.own_notices import OwnNotices
from relay.pipeline.pickup import Pickups
from relay.pipeline.ports import Engine, Outlet
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
        decider=Decider(
            config.rules(),
            resolver,
            config.sign.late == "unsigned",
            build_opened_check(config, store, resolver),
            build_terms(config, store),
            OwnNotices(store.ledger) if config.inbound.listen else None,
        ),
        batch=BatchEncryptor(encryptor),
        deliverer=Deliverer(next_hop),
        notifier=Notifier(notices, next_hop, enrolment.inviter()),
        audit=persistence.audit,
        pickups=_build_pickups(config, store, engine, next_hop, link),
        shadow=config.shadow,
    )
    key_refresh = KeyRefresh(resolver.remotes, persistence.store.answers, persistence.store.leases, lifetimes(config))
    daily_report = build_daily_report(config, persistence.store, outlet)
    retention = Retention(persistence.store.trace, persistence.store.leases, config.retention)
    key_count = KeyCount(persistence.store.certificates)
    jobs = [retention.round, key_count.round, key_refresh.round, daily_report.round]
    if link and config.pickup.url:
        jobs.append(build_ends(config, store, ChannelService(link.channel), outlet, hostname(config)).round)
    if inviting := enrolment.invitations(key_refresh.interval):
        jobs.append(inviting.round)
    schedule = Schedule(jobs, key_refresh.interval)
    own_keys = Schedule([job.round for job in build_jobs(config, own, existing)], INTERVAL)
    return Components(
        config, resolver, outlet, pipeline, schedule, own_keys, incoming, link, tuple(sorted({*signing.values()}))
    )


def build_opened_check(config: Config, store: Store, resolver: Resolver) -> OpenedCheck:
    """Makes the check for mail that was decrypted here, on its way out; without own domains by its mark alone."""
    if not config.own.domains:
        return OpenedCheck()
    own = OwnCertificates(store.own_keys, build_pooled_examiner(config), config.own.domains)
    return OpenedCheck(store.opened_mail, OwnFirst(own, resolver))


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


def build_daily_report(config: Config, store: Store, outlet: Outlet) -> DailyReport:
    """What writes the daily mail."""
    daily = Daily(Language(config.notices.language), config.notices.from_, hostname(config))
    return DailyReport(store, outlet, daily, address_in(config.notices.contact))
