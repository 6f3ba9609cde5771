"""Step 2: reads a message once: what rules may compare, and which recipients are hidden."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Self

from relay.mail import content_type, headers, program_mail
from relay.mail.ciphertext import CMS
from relay.mail.hidden_recipients import NOBODY, HiddenRecipients, hidden_recipients
from relay.mail.opened_mark import NO_TRACES, Traces, traces
from relay.mail.quoted_code import quotes_code
from relay.mail.shape import Protection, Shape, shape_of
from relay.model import Address, Decision, Inbound
from relay.policy import NOT_ENCRYPTED, Encrypted, Message, Rule, Telling, Text, candidates, telling
from relay.policy.text import MAX_ELEMENTS
from relay.process.pool import Document

LATE = 50 * 60.0
"""Seconds. Thunderbird allows 3600 between Date and signature, and encrypting takes its time."""
_KEPT_WHOLE = frozenset({"multipart/report", "multipart/signed", "multipart/encrypted", *CMS})
"""Types that readers look for at the top of a mail (RFC 6522)."""


async def read(inbound: Inbound, document: Document, *, codes: bool = False) -> Facts:
    """The facts of this message; `codes`: also whether it quotes the code of a pick-up."""
    found = await document.run(_read, inbound)
    return Facts(inbound, *found, quotes_code=codes and await document.run(quotes_code, inbound.content))


def _read(inbound: Inbound) -> tuple[headers.Head, Shape, HiddenRecipients, Traces]:
    head = headers.split(inbound.content)
    content = inbound.content
    return head, shape_of(content, head), hidden_recipients(inbound.envelope, head), traces(content, head)


class Facts:
    """The message's side of the rules; `of` adds the recipient."""

    def __init__(  # noqa: PLR0913  what is known of a message
        self,
        inbound: Inbound,
        head: headers.Head,
        shape: Shape,
        hidden: HiddenRecipients = NOBODY,
        opened: Traces = NO_TRACES,
        *,
        quotes_code: bool = False,
    ) -> None:
        self._inbound = inbound
        self.head = head
        """The header block of the message."""
        self.shape = shape
        self.hidden = hidden
        """Who stands in To and Cc, and who does not."""
        self.opened = opened
        """The signs that it was decrypted here, or carries or answers such a mail."""
        self.quotes_code = quotes_code
        """Whether the code of a pick-up stands in it."""

    @classmethod
    def unread(cls, inbound: Inbound) -> Self:
        """Of a message that could not be read: nothing is known but its envelope."""
        return cls(inbound, headers.split(b"\r\n"), Shape())

    def can_be_told(self, index: int) -> bool:
        """Whether a notice about this recipient may be written (RFC 3834 section 2: none about a program's mail)."""
        envelope = self._inbound.envelope
        return envelope.sender is not None and not self.shape.automatic and not envelope.recipients[index].notify_never

    def telling(self, index: int, decision: Decision) -> Telling:
        """How the sender learns of this recipient's decision."""
        envelope = self._inbound.envelope
        return telling(
            decision,
            sender_null=envelope.sender is None,
            notify_never=envelope.recipients[index].notify_never,
            automatic=self.shape.automatic,
        )

    @property
    def encrypted(self) -> Encrypted:
        """How far it is encrypted already. A mail with our mark of an opened mail does not count as encrypted."""
        shape = self.shape
        if self.opened.marked:
            return NOT_ENCRYPTED
        kind = shape.protection_kind if shape.protection is Protection.ENCRYPTED else None
        return Encrypted(kind, shape.key_ids, shape.doubt)

    @property
    def left_alone(self) -> bool:
        """Whether no signature is put around it in clear: what is signed already, calendar entries, lists, reports."""
        shape = self.shape
        whole = content_type.claimed(self.head)
        return (
            shape.protection is not Protection.NONE
            or shape.calendar
            or "list" in self._shapes
            or whole in _KEPT_WHOLE
            or not self.head.separator
        )

    @property
    def late(self) -> bool:
        """Whether it leaves so long after or before its Date that Thunderbird calls a signature made now a forgery.

        One that cannot be read does not stand outside, and for one that is missing the MTA writes its own.
        """
        dates = (headers.date_in(field.value) for field in headers.all(self.head, "date"))
        return any(date is not None and abs((self._inbound.received - date).total_seconds()) > LATE for date in dates)

    def candidates(self, rules: Iterable[Rule]) -> tuple[Rule, ...]:
        """The rules that can match for some recipient: what the message itself says is compared once for all."""
        return candidates(rules, self.of(Address("nobody")))

    def of(self, recipient: Address) -> Message:
        """The facts for one recipient."""
        return Message(
            sender=self._inbound.envelope.sender,
            recipient=recipient,
            subject=self._subject,
            headers=self._fields,
            shapes=self._shapes,
        )

    @cached_property
    def _subject(self) -> Text:
        fields = headers.all(self.head, "subject")
        read = _readable(fields)
        return Text.joined(map(headers.decoded, read), whole=len(read) == len(fields) and headers.read_whole(read))

    @cached_property
    def _shapes(self) -> frozenset[str]:
        shape = self.shape
        present = {
            shape.protection.value: shape.protection is not Protection.NONE,
            "list": program_mail.listed(self.head),
            "automatic": shape.automatic or self._inbound.envelope.sender is None,
            "calendar": shape.calendar,
            "tnef": shape.tnef,
        }
        return frozenset(name for name, is_so in present.items() if is_so)

    @cached_property
    def _fields(self) -> Mapping[str, tuple[Text, ...]]:
        return _Fields(self.head)


class _Fields(Mapping[str, tuple[Text, ...]]):
    """Field names to values; decoded once, when the first rule asks, which most do not."""

    def __init__(self, head: headers.Head) -> None:
        self._head = head
        self._read: dict[str, tuple[Text, ...]] = {}

    def __getitem__(self, name: str) -> tuple[Text, ...]:
        if name not in self._read:
            self._read[name] = _texts(headers.all(self._head, name))
        if not self._read[name]:
            raise KeyError(name)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter({field.name: None for field in self._head.fields})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _texts(fields: tuple[headers.Field, ...]) -> tuple[Text, ...]:
    """The values that rules compare. If there are more, one more `Text` follows that is not `whole`."""
    read = _readable(fields)
    texts = tuple(Text.of(headers.decoded(field), whole=headers.read_whole([field])) for field in read)
    return texts if len(read) == len(fields) else (*texts, Text(whole=False))


def _readable(fields: Sequence[headers.Field]) -> list[headers.Field]:
    """The first of the fields: as many as are looked at for rules, however long each is."""
    before = accumulate((len(field.raw) for field in fields), initial=0)
    return [field for field, length in zip(fields[:MAX_ELEMENTS], before, strict=False) if length <= headers.MAX_WHOLE]
