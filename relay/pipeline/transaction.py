"""One attempt at a mail: which recipients have a reply, and what the client is answered in the end.

A recipient is an index into the envelope. The replies are the only thing that changes while a mail is worked on, and
each is given once: what the next hop took is answered 250, whatever fails afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from relay.model import Inbound, Recipient, Reply, replies
from relay.telemetry import events


@dataclass(slots=True, eq=False)
class Transaction:
    """The mail, and the replies given so far."""

    inbound: Inbound
    shadow: bool = False
    """Decisions are only traced, and the mail is passed on unchanged."""
    replies: dict[int, Reply] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    """When the mail had arrived, by `time.monotonic`: keys that were stored before count for it."""
    is_ours: Callable[[], bool] = lambda: True
    """Whether no other attempt at it can have begun, on any machine."""
    is_awaited: Callable[[], bool] = lambda: True
    """Whether the client is still there for its replies."""
    log: events.Logger = field(init=False)

    def __post_init__(self) -> None:
        self.log = events.of(self.inbound).bind(shadow=True) if self.shadow else events.of(self.inbound)

    def leave_shadow(self) -> None:
        """Apply what is decided to this mail, although `shadow` is set."""
        self.shadow, self.log = False, events.of(self.inbound)

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """The envelope's recipients, in its order."""
        return self.inbound.envelope.recipients

    @property
    def everyone(self) -> range:
        """The index of each recipient."""
        return range(len(self.recipients))

    @property
    def open(self) -> tuple[int, ...]:
        """The recipients without a reply."""
        return tuple(index for index in self.everyone if index not in self.replies)

    def accepted(self) -> tuple[int, ...]:
        """The recipients who are served."""
        return tuple(index for index in self.everyone if self.is_accepted(index))

    def is_accepted(self, index: int) -> bool:
        """Whether this one is served."""
        return index in self.replies and self.replies[index].accepted

    def answer(self, indexes: Iterable[int], reply: Reply) -> None:
        """Give this reply to those of them who have none."""
        for index in indexes:
            self.replies.setdefault(index, reply)

    def outcomes(self) -> dict[int, Reply]:
        """The replies for the trace: 250 for who was served, even if one SMTP answer has to be 451 for all."""
        return {i: self.replies[i] if self.is_accepted(i) else told for i, told in enumerate(self.final_replies())}

    def final_replies(self) -> tuple[Reply, ...]:
        """What the client is told for each recipient; without a reply it is 451."""
        given = self.replies
        if len(given) < len(self.recipients):
            given = {**dict.fromkeys(self.everyone, replies.failed(self.inbound.id)), **given}
        each = tuple(given[index] for index in self.everyone)
        if self.inbound.single_answer and each:
            return (replies.combined(each, self.inbound.id),) * len(each)
        return each
