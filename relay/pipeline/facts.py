"""What a rule may look at, taken from one message once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from relay.mail import headers
from relay.mail.shape import Protection, Shape
from relay.model import Address, Inbound
from relay.policy import Message, Rule, candidates


class Facts:
    """The message's side of the rules; `of` adds the recipient."""

    def __init__(self, inbound: Inbound, head: headers.Head, shape: Shape) -> None:
        self._inbound = inbound
        self._head = head
        self.shape = shape

    @property
    def encrypted_as(self) -> str | None:
        """How it is encrypted already, in words; None where something in it can be read."""
        return self.shape.protection_kind if self.shape.protection is Protection.ENCRYPTED else None

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
    def _subject(self) -> str:
        return " ".join(headers.decoded(field) for field in headers.all(self._head, "subject"))

    @cached_property
    def _shapes(self) -> frozenset[str]:
        shape = self.shape
        listed = any(headers.first(self._head, name) for name in ("list-id", "list-post", "list-unsubscribe"))
        present = {
            shape.protection.value: shape.protection is not Protection.NONE,
            "list": listed,
            "automatic": shape.automatic or self._inbound.envelope.sender is None,
            "calendar": shape.calendar,
            "tnef": shape.tnef,
        }
        return frozenset(name for name, is_so in present.items() if is_so)

    @cached_property
    def _fields(self) -> Mapping[str, tuple[str, ...]]:
        return _Fields(self._head)


class _Fields(Mapping[str, tuple[str, ...]]):
    """Field names to decoded values; decoded when a rule asks, which most do not."""

    def __init__(self, head: headers.Head) -> None:
        self._head = head

    def __getitem__(self, name: str) -> tuple[str, ...]:
        found = tuple(headers.decoded(field) for field in headers.all(self._head, name))
        if not found:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter({field.name: None for field in self._head.fields})

    def __len__(self) -> int:
        return sum(1 for _ in self)
