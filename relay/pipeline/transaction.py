"""Where one message stands on its way through the pipeline: the only mutable thing in it.

Each recipient (an index into the envelope) gets a decision and, once, a reply. A reply that was given stays:
what the next hop took is answered 250 whatever fails afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from relay.mail.hidden_recipients import NOBODY, HiddenRecipients
from relay.model import Decision, Inbound, Recipient, Reply, replies
from relay.policy import Telling, telling
from relay.telemetry import events


@dataclass(slots=True, eq=False)
class Transaction:
    """The way of one message."""

    inbound: Inbound
    shadow: bool = False
    """What is decided and encrypted is traced alone, and the mail is passed on unchanged."""
    digest: bytes = b""
    """Its digest in the ledger; empty while the ledger was not asked."""
    automatic: bool = False
    """It was written by a program: no notice about it (RFC 3834 section 2)."""
    hidden: HiddenRecipients = NOBODY
    """Who stands in To and Cc, and who does not."""
    decisions: dict[int, Decision] = field(default_factory=dict)
    replies: dict[int, Reply] = field(default_factory=dict)
    undelivered: dict[int, Reply] = field(default_factory=dict)
    """What the next hop refused for good where one SMTP answer covers several recipients."""
    signed_by: dict[int, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    """What the ledger held when the message came."""
    recorded: set[str] = field(default_factory=set)
    """What this attempt wrote into the ledger."""
    traced: set[int] = field(default_factory=set)
    """Who has a row in the trace from this attempt."""
    message_id: str = ""
    began: float = field(default_factory=time.monotonic)
    log: events.Logger = field(init=False)

    def __post_init__(self) -> None:
        self.log = events.of(self.inbound).bind(shadow=True) if self.shadow else events.of(self.inbound)

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Of the envelope."""
        return self.inbound.envelope.recipients

    @property
    def everyone(self) -> range:
        """The index of each recipient."""
        return range(len(self.recipients))

    @property
    def open(self) -> tuple[int, ...]:
        """Who has no reply yet."""
        return tuple(index for index in self.everyone if index not in self.replies)

    def accepted(self) -> tuple[int, ...]:
        """Who is served."""
        return tuple(index for index in self.everyone if self.is_accepted(index))

    def is_accepted(self, index: int) -> bool:
        """Whether this one is served."""
        return index in self.replies and self.replies[index].accepted

    def key(self, index: int) -> str:
        """What the ledger knows this recipient by: the address exactly as it came, since `Bob@` may not be `bob@`."""
        return self.recipients[index].address.text

    def answer(self, indexes: Iterable[int], reply: Reply) -> None:
        """Give those a reply who have none."""
        for index in indexes:
            self.replies.setdefault(index, reply)

    def telling(self, index: int, decision: Decision) -> Telling:
        """How the sender learns of this decision."""
        return telling(
            decision,
            sender_null=self.inbound.envelope.sender is None,
            notify_never=self.recipients[index].notify_never,
            automatic=self.automatic,
        )

    def can_be_told(self, index: int) -> bool:
        """Whether a notice about this recipient may be written at all."""
        sender = self.inbound.envelope.sender
        return sender is not None and not self.automatic and not self.recipients[index].notify_never

    def outcomes(self) -> dict[int, Reply]:
        """What becomes of each recipient: that one was served stays true where one SMTP answer has to say 451."""
        return {i: self.replies[i] if self.is_accepted(i) else told for i, told in enumerate(self.final_replies())}

    def final_replies(self) -> tuple[Reply, ...]:
        """What the client is told, for each recipient; whoever was forgotten is told to come again."""
        failed = replies.failed(self.inbound.id)
        each = tuple(self.replies.get(index, failed) for index in self.everyone)
        if self.inbound.single_answer and each:
            return (replies.combined(each, self.inbound.id),) * len(each)
        return each
