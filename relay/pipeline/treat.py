"""Steps 3 and 4 of the incoming way, for all recipients: who may open it, what came out, and what the mark says.

Promises that each recipient is treated separately: one who is not entitled gets the closed mail, and an outage that
concerns one recipient is answered 451 to that one. Copies of an opened mail share one memory budget: a recipient for
whom there is no room is answered 452, and the client tries again. Raises `StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from relay.mail import headers
from relay.model import Address, Defer, Refuse, replies
from relay.model.errors import EngineError
from relay.model.incoming import RULE, Incoming
from relay.model.mark import NAMED, Encryption, Mark
from relay.model.opened import Entitled, Reason, Validity
from relay.model.signers import Signers
from relay.pipeline.entitle import OwnRegister, entitled, fingerprints, may_open
from relay.pipeline.incoming_mail import Treated
from relay.pipeline.letter import Letter
from relay.pipeline.open import Finding, OpenInPool, OpenJob, examined
from relay.pipeline.ports import Opener
from relay.pipeline.transaction import Transaction
from relay.policy import incoming
from relay.process.budget import Budget, Lease
from relay.process.pool import LARGE, Document
from relay.telemetry.events import Event, unforeseen

MADE_WITHIN = 250.0
"""Seconds from a mail's arrival; then there is still time to hand over before Postfix gives up."""
COPIES = 512 * 1024 * 1024
"""Octets for the opened copies of all mails, beyond each mail's first."""
MOST_SIGNATURES = 10
"""Of one mail whose makers are looked for."""
DEFERRED = Defer(RULE, "it cannot be opened now")
REFUSED = Refuse(RULE, "it cannot be opened", by_reply=True)
"""Of an answer from the page."""


class SignerLookup(Protocol):
    """Finds the certificates that may have signed. Everything raises `StoreError`; a source's outage finds nothing."""

    async def of(self, author: Address | None) -> Signers:
        """Those trusted for exactly this address."""

    async def made_by(self, key_ids: frozenset[str], known: Signers) -> Signers:
        """The same, and all others that have one of these keys."""


@dataclass(slots=True)
class _Mail:
    """What is the same for every recipient."""

    letter: Letter
    document: Document
    signers: Signers | None = None
    """The certificates that may have made the author's signature; looked up once the mail is opened."""
    verified: tuple[Finding, Signers] | None = None
    """The result of verification, if the mail is only signed."""


@dataclass(frozen=True, slots=True)
class Treater:
    """Opens, verifies and judges."""

    opener: Opener
    register: OwnRegister
    signers: SignerLookup
    in_pool: OpenInPool | None = None
    """For large mails; None: they are opened here."""
    budget: Budget = field(default_factory=lambda: Budget(COPIES))

    async def treat(
        self, transaction: Transaction, letter: Letter, document: Document, lease: Lease
    ) -> Mapping[int, Treated]:
        """What happens to it for each open recipient; those who have to wait are answered, and not among them."""
        if not (letter.encrypted or letter.signed):
            mark = Mark(Encryption.CLOSED, reason=letter.closed) if letter.closed else Mark()
            return dict.fromkeys(transaction.open, Treated(Incoming(mark)))
        treated: dict[int, Treated] = {}
        mail = _Mail(letter, document)
        for index in transaction.open:
            if time.monotonic() > transaction.began + MADE_WITHIN:
                break
            if treated and not lease.take(len(transaction.inbound.content)):
                transaction.answer((index,), replies.too_many_copies(transaction.inbound.id))
                continue
            if one := await self._treat(transaction, index, mail):
                treated[index] = _shared(one, treated)
        return treated

    async def _treat(self, transaction: Transaction, index: int, mail: _Mail) -> Treated | None:
        letter, recipient = mail.letter, transaction.recipients[index].address
        keys = await entitled(self.register, recipient, letter.key_ids)
        begun = time.monotonic()
        try:
            found, signers = mail.verified or await self._examine(mail, keys)
        except EngineError as error:
            transaction.log.error(Event.FAILED, recipients=1, **unforeseen(error))
            transaction.answer((index,), replies.failed(transaction.inbound.id))
            return None
        if isinstance(found, Reason):
            return Treated(Incoming(Mark(Encryption.CLOSED, reason=found)))
        if letter.signed:
            mail.verified = found, signers
        if letter.encrypted:
            seconds = round(time.monotonic() - begun, 4)
            transaction.log.info(Event.OPENED, recipient=recipient.text, size=len(found.body), seconds=seconds)
        mark = _mark(found, letter, keys, signers, transaction.inbound.received.timestamp())
        return Treated(Incoming(mark), found if letter.encrypted else None)

    async def _examine(self, mail: _Mail, keys: Entitled) -> tuple[Finding | Reason, Signers]:
        """What is in it, by certificates of all who signed, as far as they are known."""
        letter = mail.letter
        if letter.encrypted and not may_open(keys, letter.key_ids, hidden=letter.hidden):
            return Reason.NOT_ENTITLED if keys.others else Reason.NO_KEY, Signers()
        mail.signers = signers = mail.signers or await self.signers.of(letter.author)
        used = keys if letter.encrypted else None
        found = await self._run(mail.document, signers, used)
        if isinstance(found, Finding) and (unknown := _unknown(found)):
            more = await self.signers.made_by(unknown, signers)
            if more.others:
                return await self._run(mail.document, more, used), more
        return found, signers

    async def _run(self, document: Document, signers: Signers, entitled: Entitled | None) -> Finding | Reason:
        job = OpenJob(document.octets, signers.certificates, entitled)
        if self.in_pool and len(job.content) >= LARGE:
            return await self.in_pool(job, document)
        return await examined(self.opener, job)


def _unknown(found: Finding) -> frozenset[str]:
    named = (one.key_id for one in found.signatures[:MOST_SIGNATURES] if one.validity is Validity.UNKNOWN)
    return frozenset(key_id for key_id in named if key_id)


def _mark(found: Finding, letter: Letter, keys: Entitled, signers: Signers, at: float) -> Mark:
    side = incoming.Letter(letter.author, letter.date, fingerprints(keys), at)
    verdict = incoming.best(found.signatures, side, signers)
    covered = found.subject_covered and verdict.signed in NAMED
    return Mark(
        Encryption.DECRYPTED if letter.encrypted else Encryption.NONE,
        verdict.signed,
        covered and (letter.encrypted or _is_shown(found, letter)),
        verdict.signer,
        verdict.key,
    )


def _is_shown(found: Finding, letter: Letter) -> bool:
    """Whether the subject that a signature covers is the one that the header shows."""
    shown = [headers.decoded(one) for one in letter.fields if one.name == "subject"]
    return found.subject is not None and shown == [headers.decoded(found.subject)]


def _shared(one: Treated, others: Mapping[int, Treated]) -> Treated:
    """Another recipient's result if it is equal: one copy is enough."""
    return next((other for other in others.values() if other == one), one)
