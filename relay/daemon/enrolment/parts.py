"""Builds the objects of enrolment from the configuration."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from relay.channel.client import Channel
from relay.config import Config
from relay.config.enrol import EnrolBudget, EnrolJudged
from relay.daemon.engines import build_background_examiner
from relay.daemon.enrolment.challenger import Challenger, Publish
from relay.daemon.enrolment.held_mails import HeldMails
from relay.daemon.enrolment.inviter import Inviter
from relay.daemon.enrolment.page import PageEvents
from relay.daemon.enrolment.service_mail import ServiceMail
from relay.daemon.jobs.invitations import EVERY, InvitationJob
from relay.daemon.public_link import Handler
from relay.keys.designated_revokers import RevocationExaminer
from relay.keys.enrolling import Enrolling
from relay.keys.factory import build_stored_keys
from relay.keys.judging_limits import HourlyLimit, JudgingLimits, Places
from relay.keys.merge_policy import MergePolicy
from relay.mail.enrolment_letters import EnrolmentLetters
from relay.mail.notice_texts import Language
from relay.model import Signer
from relay.model.enrolment import Budget
from relay.model.public import EventKind
from relay.pipeline.encrypt import Encryptor
from relay.pipeline.ports import Outlet
from relay.store import Store

WAITING = Budget(address=2, domain=5, all=20)
"""Mailed keys that wait for being examined at the same time; the mails wait with them."""


@dataclass(frozen=True, slots=True)
class EnrolmentParts:
    """What the objects of enrolment are built from; `signers` are the fingerprints of the configured keys."""

    config: Config
    store: Store
    encryptor: Encryptor
    outlet: Outlet
    signers: Mapping[str, str]
    channel: Channel | None
    """The connection to the public web service; None: there is none."""

    def handlers(self) -> Mapping[EventKind, Handler]:
        """The handler for each kind of event that the page sends."""
        if self.config.enrol.web is None or self.channel is None:
            return {}
        made = PageEvents(self.desk())
        return {EventKind.KEY: made.sent_in, EventKind.CONFIRMED: made.confirmed, EventKind.REFUSED: made.refused}

    def inviter(self) -> Inviter | None:
        """The object that invites recipients of held mails; None where `enrol.invite` is off."""
        config, store = self.config, self.store
        if not config.enrol.invite:
            return None
        return Inviter(
            stored_keys=build_stored_keys(config, store),
            register=store.invitations,
            letters=self._letters,
            mail=self._mail,
            own_domains=frozenset(config.own.domains),
            budget=self._budget,
            publish=self._publish,
        )

    def invitations(self, every: float) -> InvitationJob | None:
        """The job that looks regularly for recipients to invite; None where `enrol.invite` is off."""
        inviter, store = self.inviter(), self.store
        if inviter is None:
            return None
        return InvitationJob(store.trace, inviter, store.leases, self.config.notices.waits, min(every, EVERY))

    def desk(self) -> Challenger:
        """The object that takes keys and answers to challenges, from the page and by mail."""
        config, store = self.config, self.store
        examiner = RevocationExaminer(build_background_examiner(config), store.certificates)
        return Challenger(
            enrolling=Enrolling(store.certificates, examiner, MergePolicy(store.certificates, examiner)),
            register=store.enrolments,
            invitations=store.invitations,
            letters=self._letters,
            mail=self._mail,
            held=HeldMails(store.trace, build_stored_keys(config, store), config.notices.waits),
            own_domains=frozenset(config.own.domains),
            budget=self._budget,
            limits=JudgingLimits(HourlyLimit(_budget(config.enrol.judged)), Places(WAITING)),
            publish=self._publish,
        )

    @property
    def _publish(self) -> Publish | None:
        return self.channel.put if self.channel and self.config.enrol.web else None

    @property
    def _budget(self) -> Budget:
        return _budget(self.config.enrol.budget)

    @property
    def _mail(self) -> ServiceMail:
        return ServiceMail(self.encryptor, self._signer, self.outlet)

    @property
    def _letters(self) -> EnrolmentLetters:
        config = self.config
        sender = config.notices.from_
        organisation = config.pickup.organisation or sender.name or sender.address.domain
        host = config.hostname or socket.getfqdn()
        return EnrolmentLetters(
            Language(config.notices.language), sender, organisation, host, config.enrol.web or "", config.enrol.mail
        )

    async def _signer(self) -> Signer | None:
        """The key that signs our own mails: that of the address in `notices.from`, else `sign.default`."""
        key = await self.store.own_keys.get(self.config.notices.from_.address)
        if key and key.signs:
            return Signer(key.fingerprint, key.data)
        selector = self.config.sign.signer(None)
        return Signer(self.signers[selector]) if selector else None


def _budget(keys: EnrolBudget | EnrolJudged) -> Budget:
    return Budget(keys.address, keys.domain, keys.all)
