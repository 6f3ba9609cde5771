"""Whether an outgoing mail was decrypted here, or carries or answers one that was: then it leaves encrypted, or not.

It is so before any rule, and where rules are only rehearsed (`shadow`) too.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.pipeline.facts import Facts
from relay.pipeline.ports import Lookups, OpenedMail


@dataclass(frozen=True, slots=True)
class OpenedCheck:
    """Asks the mail and, where we have domains of our own, the store."""

    register: OpenedMail | None = None
    """None: nothing is opened here; our mark counts all the same."""
    lookups: Lookups | None = None
    """Where the keys for such a mail are looked up: own recipients have one. None: where all others are."""

    async def is_opened(self, facts: Facts) -> bool:
        """Raises `StoreError` where that cannot be known."""
        if facts.opened.marked or self.register is None:
            return facts.opened.marked
        return await self.register.knows(facts.opened.message_ids)


NO_CHECK = OpenedCheck()
