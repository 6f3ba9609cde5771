"""Examines a key that was sent in, and mails a challenge; enrols the key whose challenge was answered.

A challenge is encrypted to the key, signed by ours, and mailed to the address. Its token is in that mail alone, so a
person who names the token has decrypted the mail. Raises `StoreError`, `EngineError`, `NotEncrypted`, `ChannelError`
and `NextHopError`.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from relay.daemon.enrolment.held_mails import HeldMails
from relay.daemon.enrolment.service_mail import ServiceMail, reachable
from relay.keys.enrolling import Enrolling
from relay.keys.judging_limits import JudgingLimits
from relay.mail.enrolment_letters import EnrolmentLetters
from relay.model import Address, Certificate
from relay.model.enrolment import TOKEN_OCTETS, VALID, Budget, Challenged, Enrolment, Fate
from relay.model.errors import NextHopError, RelayError
from relay.model.public import ObjectKind, PublicObject
from relay.store import Enrolments, Invitations
from relay.telemetry import events
from relay.telemetry.events import Event

Publish = Callable[[PublicObject], Awaitable[None]]
"""Hands an open challenge to the public web service."""


@dataclass(frozen=True, slots=True)
class Challenger:
    """Implements `relay.pipeline.key_mail.KeyDesk`: `take` a key, `confirm` its challenge."""

    enrolling: Enrolling
    register: Enrolments
    invitations: Invitations
    letters: EnrolmentLetters
    mail: ServiceMail
    held: HeldMails
    own_domains: frozenset[str]
    budget: Budget
    limits: JudgingLimits
    """The limits of mailed keys. Keys that are sent in on the web page are limited by the page."""
    publish: Publish | None = None
    """Puts an object on the public web service; None: there is no page."""
    clock: Callable[[], float] = time.time

    async def take(self, key: bytes, about: str, way: str) -> Fate:
        """Examine a key for the address that its sender chose or wrote from. `way` is `web` or `mail`."""
        address = reachable(about, self.own_domains)
        fate = await self._taken(key, address, way) if address else Fate.UNUSABLE
        tell(fate, about)
        return fate

    async def confirm(self, one: Enrolment) -> Fate:
        """Enrol the key of a challenge: its owner has proved to have the address and the secret key."""
        fate = await self.enrolling.enrol(one.certificate, one.address)
        await self.register.close(one.challenge)
        tell(fate, one.address.text, one.fingerprint)
        await self.invitations.answered(one.address)
        if fate is Fate.ENROLLED:
            await self.held.release(one.address)
        return fate

    async def refuse(self, invitation: str) -> Fate:
        """Never invite again the address whose invitation has a token with this SHA-256."""
        address = await self.invitations.refuse(invitation)
        fate = Fate.UNKNOWN if address is None else Fate.REFUSED
        tell(fate, address.text if address else "")
        return fate

    async def not_me(self, token: str) -> Fate:
        """The same as `refuse`, for the token itself."""
        return await self.refuse(digest(token))

    async def named(self, token: str) -> Challenged | None:
        """The open challenge with this token; None where there is none."""
        one = await self.register.open(digest(token))
        certificate = await self.enrolling.read(one.certificate) if one else None
        return Challenged(one, certificate) if one and certificate else None

    def note(self, fate: Fate, address: str) -> None:
        """Count a mail that had no effect, by this reason."""
        tell(fate, address)

    async def _taken(self, key: bytes, address: Address, way: str) -> Fate:
        judged = await self._judged(key, address, way)
        if not isinstance(judged, Fate):
            return await self._challenge(judged, address, way)
        if judged is Fate.RENEWED:
            await self.held.release(address)
        return judged

    async def _judged(self, key: bytes, address: Address, way: str) -> Certificate | Fate:
        judge = partial(self.enrolling.judge, key, address)
        return await (self.limits.judged(address, judge) if way == "mail" else judge())

    async def _challenge(self, certificate: Certificate, address: Address, way: str) -> Fate:
        token, now = secrets.token_urlsafe(TOKEN_OCTETS), self.clock()
        challenge = digest(token)
        one = Enrolment(challenge, address, certificate.fingerprint, certificate.data, now, now + VALID, way)
        if not await self.register.begin(one, self.budget):
            return Fate.BUDGET
        try:
            await self._send(one, token, certificate)
        except RelayError:
            await self.register.take_back(challenge)
            raise
        return Fate.CHALLENGED

    async def _send(self, one: Enrolment, token: str, certificate: Certificate) -> None:
        if self.publish:
            await self.publish(PublicObject(ObjectKind.CHALLENGE, one.challenge, b"", math.ceil(one.expires)))
        reply = await self.mail.send(one.address, self.letters.challenge(one, token), certificate)
        if reply.temporary:
            raise NextHopError("the next hop does not take a challenge now")


def digest(token: str) -> str:
    """The SHA-256 by which a challenge is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def tell(fate: Fate, address: str, fingerprint: str = "") -> None:
    """Write one line to the log; the metrics count it."""
    events.log().info(Event.ENROLMENT, result=fate.value, recipient=address, fingerprint=fingerprint)
