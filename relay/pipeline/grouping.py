"""Which recipients share a message. Pure.

Recipients named in To or Cc with the same treatment share one message, encrypted to all of their keys; every other one
gets a message of its own, so that no packet in it names another recipient: hidden recipients stay hidden.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from relay.mail.hidden_recipients import NOBODY, HiddenRecipients
from relay.model import Certificate, Clear, Decision, Encrypt, Envelope, Pass, Signer
from relay.pipeline.author import NOBODY as NO_AUTHOR
from relay.pipeline.author import Announcement, Author

MOST_RECIPIENTS = 200  # of one encrypted message: bounds a gpg call and the packets in front of the text

MOST_PASSED = 1000  # of one that is passed on: beyond that Postfix ends the connection (smtpd_recipient_limit)


@dataclass(frozen=True, slots=True)
class Group:
    """A message that is to be made: for whom (indexes into the envelope), and how."""

    recipients: tuple[int, ...]
    keys: tuple[tuple[Certificate, ...], ...] = ()
    """For each recipient its certificate, or those bound to it; none: passed on as received."""
    hidden: HiddenRecipients = NOBODY
    """Of the whole mail."""
    signer: Signer | None = None
    """Signs it, encrypted or in clear."""
    protect_subject: bool = False
    announcement: Announcement | None = None
    """The Autocrypt field that it has."""

    @property
    def encrypted(self) -> bool:
        """Whether it has to be encrypted."""
        return bool(self.keys)

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Those of all recipients, each once."""
        return tuple({each.fingerprint: each for keys in self.keys for each in keys}.values())

    def halves(self) -> tuple[Group, ...]:
        """Two messages in place of this one; none where it is for one recipient."""
        if not self.encrypted or len(self.recipients) < 2:
            return ()
        middle = len(self.recipients) // 2
        parts = (slice(None, middle), slice(middle, None))
        return tuple(replace(self, recipients=self.recipients[p], keys=self.keys[p]) for p in parts)


def group_recipients(
    decisions: Mapping[int, Decision], envelope: Envelope, hidden: HiddenRecipients, author: Author = NO_AUTHOR
) -> tuple[Group, ...]:
    """The messages that these decisions make, encrypted ones first."""
    return (*_encrypted(decisions, envelope, hidden, author), *_in_clear(decisions, hidden, author))


def _in_clear(decisions: Mapping[int, Decision], hidden: HiddenRecipients, author: Author) -> Iterator[Group]:
    announcement = author.announcement if author.announcement and author.announcement.on_clear else None
    clear = {index: decision for index, decision in decisions.items() if isinstance(decision, Pass | Clear)}
    wanted = [index for index, decision in clear.items() if isinstance(decision, Clear) and decision.sign]
    signed = wanted if author.signer else []
    passed = sorted(clear.keys() - signed)
    for signer, indexes in ((author.signer, signed), (None, passed)):
        for group in unchanged(indexes, hidden):
            yield replace(group, signer=signer, announcement=announcement)


def unchanged(indexes: Sequence[int], hidden: HiddenRecipients) -> Iterator[Group]:
    """The messages that pass a mail on as it is."""
    for start in range(0, len(indexes), MOST_PASSED):
        yield Group(tuple(indexes[start : start + MOST_PASSED]), hidden=hidden)


def _encrypted(
    decisions: Mapping[int, Decision], envelope: Envelope, hidden: HiddenRecipients, author: Author
) -> Iterator[Group]:
    shared: dict[tuple[bool, bool], list[int]] = defaultdict(list)
    encrypts = {index: decision for index, decision in decisions.items() if isinstance(decision, Encrypt)}
    for index, encrypt in encrypts.items():
        if envelope.recipients[index].address in hidden.named:
            shared[encrypt.sign, encrypt.protect_subject].append(index)
        else:
            yield _group((index,), encrypts, hidden, author)
    for indexes in shared.values():
        for together in _bounded(indexes, encrypts):
            yield _group(together, encrypts, hidden, author)


def _bounded(indexes: Sequence[int], encrypts: Mapping[int, Encrypt]) -> Iterator[tuple[int, ...]]:
    """At most as many recipients as one message may have; their keys are counted too, since a binding has several."""
    together: list[int] = []
    keys = 0
    for index in indexes:
        more = len(encrypts[index].found.certificates)
        if together and keys + more > MOST_RECIPIENTS:
            yield tuple(together)
            together, keys = [], 0
        together.append(index)
        keys += more
    yield tuple(together)


def _group(
    indexes: tuple[int, ...], encrypts: Mapping[int, Encrypt], hidden: HiddenRecipients, author: Author
) -> Group:
    first = encrypts[indexes[0]]
    return Group(
        indexes,
        tuple(encrypts[index].found.certificates for index in indexes),
        hidden,
        author.signer if first.sign else None,
        first.protect_subject,
        author.announcement,
    )
