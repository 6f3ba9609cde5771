"""Enrolment by the page `/keys`: what visitors sent in is judged again here, challenged, and stored once it is proved.

A challenge is encrypted to the key, signed by ours, and mailed to the address by the way of our notices: no rule looks
at it. Raises `StoreError`, `EngineError`, `NotEncrypted`, `ChannelError` and `NextHopError` for what comes again.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.channel.client import Channel
from relay.config import Config
from relay.daemon.engines import build_pooled_examiner
from relay.daemon.jobs.invitations import EVERY, InvitationJob
from relay.daemon.public_link import Handler
from relay.keys.designated_revokers import RevocationExaminer
from relay.keys.enrolling import Enrolling
from relay.keys.factory import build_stored_keys
from relay.keys.merge_policy import MergePolicy
from relay.keys.stored import StoredKeys
from relay.mail.enrolment_letters import EnrolmentLetters
from relay.mail.hidden_recipients import NOBODY
from relay.mail.notice_texts import Language
from relay.model import Address, Certificate, Envelope, Found, Inbound, Recipient, Signer
from relay.model.enrolment import Budget, Enrolment, Fate
from relay.model.errors import AddressError, NextHopError
from relay.model.public import EventKind, ObjectKind, PublicEvent, PublicObject
from relay.pipeline.encrypt import Encryptor
from relay.pipeline.grouping import Group
from relay.pipeline.ports import Outlet
from relay.process import postqueue
from relay.process.pool import Document
from relay.smtp.message_ids import new_id
from relay.store import Enrolments, Invitations, Store, Trace
from relay.telemetry import events
from relay.telemetry.events import Event

VALID = 2 * 86400.0
"""Seconds in which a challenge may be confirmed."""
TOKEN_OCTETS = 24

Publish = Callable[[PublicObject], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class EnrolmentEvents:
    """Handlers of `relay.daemon.public_link`."""

    enrolling: Enrolling
    register: Enrolments
    invitations: Invitations
    letters: EnrolmentLetters
    encryptor: Encryptor
    signer: Callable[[], Awaitable[Signer | None]]
    outlet: Outlet
    publish: Publish
    held: HeldMails
    own_domains: Collection[str]
    budget: Budget
    clock: Callable[[], float] = time.time

    async def sent_in(self, event: PublicEvent, octets: bytes) -> None:
        """A key, for the address that its sender chose."""
        address = self._address(event.about)
        judged = await self.enrolling.judge(octets, address) if address else Fate.UNUSABLE
        if isinstance(judged, Fate):
            _tell(judged, event.about)
        elif address:
            _tell(await self._challenge(judged, address), event.about)

    async def confirmed(self, event: PublicEvent, _octets: bytes) -> None:
        """The address and the secret key are proved: the token stood in a mail to the one, encrypted to the other."""
        one = await self.register.open(event.about)
        if one is None:
            _tell(Fate.UNKNOWN, "")
            return
        fate = await self.enrolling.enrol(one.certificate, one.address)
        await self.register.close(one.challenge)
        _tell(fate, one.address.text, one.fingerprint)
        await self.invitations.answered(one.address)
        if fate is Fate.ENROLLED:
            await self.held.release(one.address)

    def _address(self, text: str) -> Address | None:
        """Whom we may mail a challenge to: nobody of ours, nobody whom another host may take for somebody else."""
        try:
            address = Address(text)
        except AddressError:
            return None
        odd = address.ambiguous or address.nameless or not address.text.isprintable()
        return None if odd or address.domain in self.own_domains else address

    async def _challenge(self, certificate: Certificate, address: Address) -> Fate:
        token, now = secrets.token_urlsafe(TOKEN_OCTETS), self.clock()
        challenge = hashlib.sha256(token.encode()).hexdigest()
        one = Enrolment(challenge, address, certificate.fingerprint, certificate.data, now, now + VALID)
        if not await self.register.begin(one, self.budget):
            return Fate.BUDGET
        await self.publish(PublicObject(ObjectKind.CHALLENGE, challenge, b"", math.ceil(one.expires)))
        await self._mail(one, certificate, token)
        return Fate.CHALLENGED

    async def _mail(self, one: Enrolment, certificate: Certificate, token: str) -> None:
        options = () if one.address.is_ascii else ("SMTPUTF8",)
        envelope = Envelope(None, (Recipient(one.address, ("NOTIFY=NEVER",)),), options)
        content = self.letters.challenge(one, token)
        inbound = Inbound(
            new_id(), envelope, content, datetime.now(UTC), "127.0.0.1", "enrolment", "HTTP", single_answer=False
        )
        group = Group((0,), ((certificate,),), NOBODY, await self.signer(), protect_subject=True)
        with Document(content) as document:
            message = await self.encryptor.make(inbound, group, document)
        (reply,) = await self.outlet.send(envelope, message.content)
        if reply.temporary:
            raise NextHopError("the next hop does not take a challenge now")


@dataclass(frozen=True, slots=True)
class HeldMails:
    """Mails that wait in Postfix's queue for a key."""

    trace: Trace
    stored_keys: StoredKeys
    waits: float
    clock: Callable[[], float] = time.time

    async def release(self, address: Address) -> None:
        """Have Postfix send those to this address now, if its key is used; else, and elsewhere, with its next try."""
        if not isinstance(await self.stored_keys.lookup(address), Found):
            return
        held = await self.trace.held(self.clock() - self.waits)
        ids = [record.queue_id for _, record in held if _same(record.recipient, address)]
        if ids and await postqueue.flush(ids):
            events.log().info(Event.HELD_RELEASED, recipient=address.text, mails=len(ids))


@dataclass(frozen=True, slots=True)
class EnrolmentParts:
    """What enrolment of a configuration is made of; `signers` are the fingerprints of the configured keys."""

    config: Config
    store: Store
    encryptor: Encryptor
    outlet: Outlet
    signers: Mapping[str, str]

    def handlers(self, channel: Channel | None) -> Mapping[EventKind, Handler]:
        """What is done with what the page brings."""
        config, store = self.config, self.store
        if config.enrol.web is None or channel is None:
            return {}
        examiner = RevocationExaminer(build_pooled_examiner(config), store.certificates)
        made = EnrolmentEvents(
            enrolling=Enrolling(store.certificates, examiner, MergePolicy(store.certificates, examiner)),
            register=store.enrolments,
            invitations=store.invitations,
            letters=self._letters(config.enrol.web),
            encryptor=self.encryptor,
            signer=self._signer,
            outlet=self.outlet,
            publish=channel.put,
            held=HeldMails(store.trace, build_stored_keys(config, store), config.notices.waits),
            own_domains=frozenset(config.own.domains),
            budget=self._budget,
        )
        return {EventKind.KEY: made.sent_in, EventKind.CONFIRMED: made.confirmed}

    def invitations(self, every: float) -> InvitationJob | None:
        """What invites those for whom a mail is held; None where they are not to be."""
        config, store = self.config, self.store
        if config.enrol.web is None or not config.enrol.invite:
            return None
        return InvitationJob(
            trace=store.trace,
            stored_keys=build_stored_keys(config, store),
            register=store.invitations,
            letters=self._letters(config.enrol.web),
            encryptor=self.encryptor,
            signer=self._signer,
            outlet=self.outlet,
            leases=store.leases,
            own_domains=frozenset(config.own.domains),
            budget=self._budget,
            waits=config.notices.waits,
            every=min(every, EVERY),
        )

    @property
    def _budget(self) -> Budget:
        keys = self.config.enrol.budget
        return Budget(keys.address, keys.domain, keys.all)

    def _letters(self, url: str) -> EnrolmentLetters:
        config = self.config
        sender = config.notices.from_
        organisation = config.pickup.organisation or sender.name or sender.address.domain
        host = config.hostname or socket.getfqdn()
        return EnrolmentLetters(Language(config.notices.language), sender, organisation, host, url)

    async def _signer(self) -> Signer | None:
        """Who signs our own mails: the own key of the address that notices are from, else `sign.default`."""
        key = await self.store.own_keys.get(self.config.notices.from_.address)
        if key and key.signs:
            return Signer(key.fingerprint, key.data)
        selector = self.config.sign.signer(None)
        return Signer(self.signers[selector]) if selector else None


def _same(text: str, address: Address) -> bool:
    try:
        recipient = Address(text)
    except AddressError:
        return False
    return address in {recipient, recipient.untagged}


def _tell(fate: Fate, address: str, fingerprint: str = "") -> None:
    events.log().info(Event.ENROLMENT, result=fate.value, recipient=address, fingerprint=fingerprint)
