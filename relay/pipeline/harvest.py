"""Finds the keys that an incoming mail carries, and hands them to the harvester. No mail waits for that.

A mail is read where `harvest.from` names something. Each key that it carries is either handed on, or logged with the
reason why not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from relay.mail import carried_keys, dkim_evidence, program_mail, received, user_id_filter
from relay.mail.carried_keys import AUTOCRYPT, Fault
from relay.mail.public_suffixes import is_public_suffix
from relay.model import Address
from relay.model.errors import OpenPgpError
from relay.model.harvest import CarriedKey, Outcome
from relay.pipeline.letter import Letter
from relay.pipeline.transaction import Transaction
from relay.policy.dkim_coverage import coverage
from relay.policy.harvest import Mail, Witness, witness
from relay.process.pool import Document
from relay.telemetry.events import Event, unforeseen

ATTACHED = "attached"
DIGITS = 16
"""Digits of the digest by which a signature is recognised."""


class Harvester(Protocol):
    """Takes the keys that were found in mails, and works on them later."""

    def offer(self, key: CarriedKey, mail: str) -> bool:
        """Queue a key of the mail with this id. False where too many keys wait. Never raises."""


@dataclass(frozen=True, slots=True)
class KeyReader:
    """Finds keys in mails. Pure."""

    carriers: frozenset[str]
    """What is read: `autocrypt`, `attached`."""
    own_domains: frozenset[str]
    authserv_id: str

    def read(self, content: bytes, letter: Letter, sender: Address | None) -> list[CarriedKey | Outcome]:
        """Each key that the mail carries, or the reason why it does not count. `sender` is that of the envelope."""
        in_field = carried_keys.of_header(letter.head, letter.author) if AUTOCRYPT in self.carriers else None
        in_body = carried_keys.of_body(content) if ATTACHED in self.carriers else ()
        if in_field is None and not in_body:
            return []
        mail = self._mail(letter, sender)
        found = [_judged(key, witness(mail)) for key in in_body]
        if in_field is not None and in_field not in in_body:
            found.append(_judged(in_field, witness(mail, AUTOCRYPT)))
        return found

    def _mail(self, letter: Letter, sender: Address | None) -> Mail:
        head, author = letter.head, letter.author
        evidence = dkim_evidence.read(head, self.authserv_id, sender)
        return Mail(
            author=author,
            foreign=author is not None and self._is_foreign(author),
            listed=program_mail.listed(head),
            automatic=sender is None or program_mail.automatic(head),
            coverage=coverage(evidence, author.domain if author else "", is_public_suffix),
            date=letter.date,
            received=received.received_at(head),
        )

    def _is_foreign(self, author: Address) -> bool:
        odd = author.ambiguous or author.nameless or not author.text.isprintable()
        return not odd and author.domain not in self.own_domains


@dataclass(frozen=True, slots=True)
class HarvestStep:
    """Looks at each incoming mail."""

    reader: KeyReader
    harvester: Harvester

    async def look(self, transaction: Transaction, letter: Letter, document: Document) -> None:
        """Read the mail's keys and hand them to the harvester. Never raises, whatever is in the mail."""
        inbound = transaction.inbound
        try:
            found = await document.run(self.reader.read, inbound.content, letter, inbound.envelope.sender)
        except Exception as error:  # noqa: BLE001  no mail stays behind for a key that it carries
            transaction.log.error(Event.FAILED, **unforeseen(error))
            return
        for one in found:
            if outcome := self._offered(one, inbound.id):
                author = letter.author.text if letter.author else ""
                transaction.log.info(Event.HARVESTED, result=outcome, author=author)

    def _offered(self, one: CarriedKey | Outcome, mail: str) -> Outcome | None:
        """The outcome, where it is known at once; None where the key was queued."""
        if isinstance(one, Outcome):
            return one
        return None if self.harvester.offer(one, mail) else Outcome.BUSY


def _judged(key: bytes | Fault, mail: Witness | Outcome) -> CarriedKey | Outcome:
    if isinstance(mail, Outcome):
        return mail
    if isinstance(key, Fault):
        return Outcome(key.value)
    if not _shows(key, mail.author):
        return Outcome.OTHER_ADDRESS
    digests = (hashlib.sha256(one.encode()).hexdigest()[:DIGITS] for one in mail.coverage.signatures)
    return CarriedKey(mail.author, key, mail.coverage.domain, mail.date, frozenset(digests))


def _shows(key: bytes, author: Address) -> bool:
    try:
        return user_id_filter.shows(key, author)
    except OpenPgpError:
        return False
