"""The regular jobs of a configuration, but those of our own certificates."""

from __future__ import annotations

from relay.config import Config
from relay.daemon.enrolment.parts import EnrolmentParts
from relay.daemon.jobs.daily_report import DailyReport
from relay.daemon.jobs.key_count import KeyCount
from relay.daemon.jobs.key_refresh import KeyRefresh
from relay.daemon.jobs.retention import Retention
from relay.daemon.outlets import hostname
from relay.daemon.pickups import ChannelService, build_ends
from relay.daemon.public_link import PublicLink
from relay.daemon.scheduler import Schedule
from relay.keys.factory import lifetimes
from relay.keys.resolver import Resolver
from relay.mail.daily_report import Daily, address_in
from relay.mail.notice_texts import Language
from relay.pipeline.ports import Outlet
from relay.store import Store


def build_schedule(  # noqa: PLR0913  what the jobs work with
    config: Config,
    store: Store,
    resolver: Resolver,
    *,
    outlet: Outlet,
    enrolment: EnrolmentParts,
    link: PublicLink | None,
) -> Schedule:
    """What is kept, counted and refreshed, and the mails that are written regularly."""
    key_refresh = KeyRefresh(resolver.remotes, store.answers, store.leases, lifetimes(config))
    daily_report = build_daily_report(config, store, outlet)
    retention = Retention(store.trace, store.leases, config.retention)
    key_count = KeyCount(store.certificates)
    jobs = [retention.round, key_count.round, key_refresh.round, daily_report.round]
    if link and config.pickup.url:
        jobs.append(build_ends(config, store, ChannelService(link.channel), outlet, hostname(config)).round)
    if inviting := enrolment.invitations(key_refresh.interval):
        jobs.append(inviting.round)
    return Schedule(jobs, key_refresh.interval)


def build_daily_report(config: Config, store: Store, outlet: Outlet) -> DailyReport:
    """What writes the daily mail."""
    daily = Daily(Language(config.notices.language), config.notices.from_, hostname(config))
    return DailyReport(store, outlet, daily, address_in(config.notices.contact))
