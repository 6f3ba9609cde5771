"""Mail to the address for keys: keys are taken, challenges confirmed, and invitations refused (`enrol.mail`).

A key counts where our MX says that its author's domain has signed the mail. A challenge is confirmed by a mail that
names its token and is signed by its key: whoever names the token has decrypted the challenge. A mail that has an effect
here goes no further. Everything else, automatic mail included, goes on to the mailbox like any other mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from relay.mail import carried_keys, challenge_reply, dkim_evidence, packets, program_mail, user_id_filter
from relay.mail.headers import Head
from relay.mail.public_suffixes import is_public_suffix
from relay.model import Address, Decision, Defer, Pass, replies
from relay.model.enrolment import Challenged, Enrolment, Fate
from relay.model.errors import OpenPgpError, RelayError
from relay.model.opened import Entitled, Validity
from relay.pipeline.attempt import Attempt
from relay.pipeline.entitle import OwnRegister, entitled, may_open
from relay.pipeline.letter import Letter
from relay.pipeline.open import Finding, OpenJob, examined
from relay.pipeline.ports import Opener
from relay.pipeline.transaction import Transaction
from relay.policy.dkim_coverage import Coverage, coverage
from relay.process.pool import Document
from relay.telemetry.events import Event, unforeseen

RULE = "(keys by mail)"
"""In the trace in place of a rule's name."""
LARGEST = 1 << 20
"""The most octets of a mail that is examined."""
MOST_KEYS = 2
"""The most keys of one mail that are examined."""
TAKEN = frozenset({Fate.CHALLENGED, Fate.ENROLLED, Fate.PROPOSED, Fate.REFUSED})
"""Results with which a mail ends here. One with a known key goes on: many programs attach it to every mail."""


class KeyDesk(Protocol):
    """Takes keys and answers. Each method raises `RelayError` where the mail has to be retried."""

    async def take(self, key: bytes, about: str, way: str) -> Fate:
        """Examine a key for an address. Returns what happened to it."""

    async def named(self, token: str) -> Challenged | None:
        """The open challenge with this token; None where there is none."""

    async def confirm(self, one: Enrolment) -> Fate:
        """Enrol the key of a challenge that was answered. Returns what happened to it."""

    async def not_me(self, token: str) -> Fate:
        """Never again invite the recipient of the invitation with this token."""

    def note(self, fate: Fate, address: str) -> None:
        """Count a mail that had no effect, by this reason."""


@dataclass(frozen=True, slots=True)
class KeyMails:
    """Handles mail to the address for keys."""

    address: Address
    desk: KeyDesk
    opener: Opener
    register: OwnRegister
    authserv_id: str

    async def take(self, attempt: Attempt, letter: Letter, document: Document) -> dict[int, Decision]:
        """Handle the mail for the address for keys. Returns its decision, by recipient, where the mail ends here."""
        transaction, done = attempt.transaction, dict[int, Decision]()
        for index in transaction.open:
            if transaction.recipients[index].address == self.address:
                done |= await self._take(transaction, index, letter, document)
        await attempt.record_served([index for index in done if transaction.is_accepted(index)])
        return done

    async def _take(
        self, transaction: Transaction, index: int, letter: Letter, document: Document
    ) -> dict[int, Decision]:
        id_ = transaction.inbound.id
        try:
            fate = await self._fate(transaction, letter, document)
        except RelayError as error:
            transaction.log.error(Event.FAILED, recipients=1, **unforeseen(error))
            transaction.answer((index,), replies.failed(id_))
            return {index: Defer(RULE, "it cannot be worked on now")}
        if fate not in TAKEN:
            return {}
        transaction.answer((index,), replies.delivered(id_))
        return {index: Pass(RULE, fate.value)}

    async def _fate(self, transaction: Transaction, letter: Letter, document: Document) -> Fate | None:
        """What happened; None for an ordinary mail, which goes on to the mailbox."""
        content = document.octets
        if len(content) > LARGEST:
            return None
        if transaction.inbound.envelope.sender is None or _is_automatic(letter.head):
            if carried_keys.of_body(content):
                self.desk.note(Fate.AUTOMATIC, letter.author.text if letter.author else "")
            return None
        if token := challenge_reply.refusal(letter.head):
            return await self.desk.not_me(token)
        keys = await self._entitled(letter)
        text = await self._opened(content, keys) if keys else content
        for token in challenge_reply.tokens(text):
            if one := await self.desk.named(token):
                return await self._confirmed(one, content, letter, keys)
        return await self._sent_in(text, letter, transaction.inbound.envelope.sender)

    async def _entitled(self, letter: Letter) -> Entitled | None:
        """The keys that may decrypt the mail; None where it is not encrypted, or not for this address."""
        if not letter.encrypted:
            return None
        keys = await entitled(self.register, self.address, letter.key_ids)
        return keys if may_open(keys, letter.key_ids, hidden=letter.hidden) else None

    async def _opened(self, content: bytes, keys: Entitled) -> bytes:
        found = await examined(self.opener, OpenJob(content, (), keys))
        return found.entity if isinstance(found, Finding) else content

    async def _confirmed(self, one: Challenged, content: bytes, letter: Letter, keys: Entitled | None) -> Fate:
        if keys or letter.signed:
            found = await examined(self.opener, OpenJob(content, (one.certificate,), keys))
            signatures = found.signatures if isinstance(found, Finding) else ()
            for each in signatures:
                if each.validity is Validity.GOOD and each.fingerprint == one.enrolment.fingerprint:
                    return await self.desk.confirm(one.enrolment)
        self.desk.note(Fate.UNPROVED, one.enrolment.address.text)
        return Fate.UNPROVED

    async def _sent_in(self, text: bytes, letter: Letter, sender: Address | None) -> Fate | None:
        """Take the keys in a mail, for its author. None where there is none."""
        keys = carried_keys.of_body(text)
        if not keys:
            return None
        if letter.author is None or not self._is_signed(letter, sender):
            self.desk.note(Fate.UNALIGNED, letter.author.text if letter.author else "")
            return Fate.UNALIGNED
        theirs = [key for key in keys if _names(key, letter.author)][:MOST_KEYS]
        for key in theirs:
            fate = await self.desk.take(key, letter.author.text, "mail")
            if fate in {Fate.CHALLENGED, Fate.RENEWED}:
                return fate
        if not theirs:
            self.desk.note(Fate.UNUSABLE, letter.author.text)
        return Fate.UNUSABLE

    def _is_signed(self, letter: Letter, sender: Address | None) -> bool:
        """Whether our MX reports a valid DKIM signature by the author's domain."""
        evidence = dkim_evidence.read(letter.head, self.authserv_id, sender)
        found = coverage(evidence, letter.author.domain if letter.author else "", is_public_suffix)
        return isinstance(found, Coverage) and found.covers("from")


def _names(key: bytes, author: Address) -> bool:
    """Whether a user id of the key shows the author's address: other keys are not given to OpenPGP software."""
    try:
        return any(tag == packets.USER_ID for tag, _ in user_id_filter.showing(key, {author}))
    except OpenPgpError:
        return False


def _is_automatic(head: Head) -> bool:
    return program_mail.automatic(head) or program_mail.listed(head)
