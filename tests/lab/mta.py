"""The sending MTA's side of the contract: keeps what was not answered for good, and sends it again.

As Postfix does: over LMTP each recipient has an answer of its own and only those put off are sent again; over SMTP one
answer counts for all. A connection that breaks before the answer has answered nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.canary import WORD
from lab.client import Client

SENDER = "doctor@front.example"


@dataclass
class Mail:
    """A mail in the queue, and what each recipient has been answered so far (`451 4.4.1`; empty: nothing)."""

    recipients: tuple[str, ...]
    content: bytes
    sender: str = SENDER
    answers: dict[str, list[str]] = field(default_factory=dict)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Who has no final answer yet."""
        return tuple(r for r in self.recipients if self.last(r)[:1] not in {"2", "5"})

    def last(self, recipient: str) -> str:
        return self.answers.get(recipient, [""])[-1]


def letter(number: str, recipients: Sequence[str], *, named: Sequence[str] | None = None) -> Mail:
    """A mail with the canary in its subject, in its body and in a body line that begins with a dot."""
    word = WORD.decode()
    to = ", ".join(recipients if named is None else named)
    content = (
        f"From: {SENDER}\r\nTo: {to}\r\nSubject: {word} {number}\r\nMessage-ID: <{number}@front.example>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        f"{word} of {number}\r\n.{word}\r\n" + f"The findings of {number}, {word}.\r\n" * 60
    )
    return Mail(tuple(recipients), content.encode())


class Mta:
    """One queue in front of one inlet."""

    def __init__(self, url: str, *, patience: float = 30.0) -> None:
        self._url = url
        self._lmtp = url.startswith("lmtp")
        self._patience = patience

    async def attempt(self, mail: Mail) -> list[str]:
        """Send it once to those who wait; what each of its recipients was answered last."""
        waiting = mail.waiting
        try:
            async with asyncio.timeout(self._patience):
                given = await self._send(mail, waiting)
        except (OSError, AssertionError):  # refused, reset, broken off; asyncio.timeout's is one
            given = []
        given = given if self._lmtp else given * len(waiting)
        given += [""] * (len(waiting) - len(given))
        for recipient, reply in zip(waiting, given, strict=True):
            mail.answers.setdefault(recipient, []).append(" ".join(reply.split(" ")[:2]))
        return [mail.last(recipient) for recipient in mail.recipients]

    async def _send(self, mail: Mail, waiting: Sequence[str]) -> list[str]:
        async with Client(self._url) as client:
            await client.hello()
            return [reply for reply in await client.send(mail.sender, waiting, mail.content) if reply]

    async def until_final(self, mail: Mail, *, attempts: int = 10, every: float = 0.1) -> list[str]:
        """Send it again until nobody waits; what puts it off for a moment may last longer than ten quick answers."""
        for number in range(attempts):
            if not mail.waiting:
                break
            await asyncio.sleep(every if number else 0)
            await self.attempt(mail)
        assert not mail.waiting, mail.answers
        return [mail.last(recipient) for recipient in mail.recipients]
