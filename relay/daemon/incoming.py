"""The incoming way of a configuration, made into parts; None where `inbound.listen` is empty."""

from __future__ import annotations

from dataclasses import dataclass

from relay.config import Config
from relay.config.inbound import SubjectTags
from relay.daemon.engines import build_pooled_examiner
from relay.daemon.harvest import HarvestQueue, build_harvest, build_step
from relay.daemon.openers import build_opener
from relay.daemon.outlets import build_outlet
from relay.daemon.resources import Persistence
from relay.keys.own_certificates import OwnCertificates
from relay.keys.resolver import Resolver
from relay.keys.signers import KnownSigners
from relay.mail.notice import Notices
from relay.mail.notice_texts import Language
from relay.mail.wrapped import Notes
from relay.model.return_path import ReturnPath
from relay.pipeline.deliver import Deliverer
from relay.pipeline.incoming import IncomingPipeline
from relay.pipeline.incoming_mail import MailMaker, Tags
from relay.pipeline.key_mail import KeyDesk, KeyMails
from relay.pipeline.next_hop import NextHop
from relay.pipeline.own_notices import OwnNotices
from relay.pipeline.receive import Receiver
from relay.pipeline.returns import ReturnPaths, Returns
from relay.pipeline.treat import Treater
from relay.smtp.outlet import SmtpOutlet
from relay.store import Store


@dataclass(frozen=True, slots=True)
class IncomingComponents:
    """The parts that handle incoming mail."""

    pipeline: IncomingPipeline
    outlet: SmtpOutlet
    harvest: HarvestQueue | None = None
    """Takes the keys that incoming mail carries; None: nothing does."""

    async def close(self) -> None:
        """Close connections, and end what goes on beside the mails."""
        await self.outlet.close()
        if self.harvest:
            await self.harvest.close()


def build_incoming(  # noqa: PLR0913, PLR0917  what it is made of
    config: Config,
    persistence: Persistence,
    resolver: Resolver,
    hostname: str,
    notices: Notices,
    desk: KeyDesk | None = None,
) -> IncomingComponents | None:
    """The incoming way, around the open store; `desk` takes what comes to `enrol.mail`."""
    place = config.inbound.reinject
    if place is None or not config.inbound.listen:
        return None
    outlet = build_outlet(config, place)
    next_hop = NextHop(outlet, config.deadlines.next_hop + config.deadlines.final_dot)
    authserv_id = config.inbound.authserv_id or hostname
    treater = build_treater(config, persistence.store, resolver)
    path, opened_mail = ReturnPath(config.own.domains, config.inbound.return_path), persistence.store.opened_mail
    harvest = build_harvest(config, persistence.store)
    pipeline = IncomingPipeline(
        receiver=Receiver(persistence.ledger, persistence.audit, incoming=True, authserv_id=authserv_id),
        treater=treater,
        maker=build_maker(config, hostname),
        envelopes=ReturnPaths(path, opened_mail, opened_mail),
        returns=Returns(path, opened_mail, notices, OwnNotices(persistence.store.ledger), next_hop),
        deliverer=Deliverer(next_hop),
        audit=persistence.audit,
        authserv_id=authserv_id,
        key_mails=_key_mails(config, treater, desk, authserv_id),
        harvest=build_step(config, harvest, authserv_id),
    )
    return IncomingComponents(pipeline, outlet, harvest)


def build_maker(config: Config, hostname: str) -> MailMaker:
    """The maker of the mails that are handed on."""
    keys = config.inbound
    return MailMaker(
        hostname,
        _tags(keys.subject_tag),
        Notes(Language(config.notices.language), config.notices.contact),
        wrap_bad=keys.bad_signature == "wrap",
        explain_closed=keys.explain_closed,
    )


def build_treater(config: Config, store: Store, resolver: Resolver) -> Treater:
    """What opens and judges."""
    opener, in_pool = build_opener(config)
    own = OwnCertificates(store.own_keys, build_pooled_examiner(config), config.own.domains)
    return Treater(opener, store.own_keys, KnownSigners(store.certificates, resolver, own, store.bindings), in_pool)


def _key_mails(config: Config, treater: Treater, desk: KeyDesk | None, authserv_id: str) -> KeyMails | None:
    address = config.enrol.mail
    return KeyMails(address, desk, treater.opener, treater.register, authserv_id) if address and desk else None


def _tags(tags: SubjectTags | None) -> Tags:
    return Tags(tags.decrypted or "", tags.signed or "") if tags else Tags()
