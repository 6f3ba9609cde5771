"""Whether an outgoing mail was decrypted here, or carries or answers one that was: then it leaves encrypted, or not.

This holds before any rule, and in `shadow` mode too.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.pipeline.facts import Facts
from relay.pipeline.ports import Lookups, OpenedMail


@dataclass(frozen=True, slots=True)
class OpenedCheck:
    """Looks at the mail and, if there are own domains, asks the store."""

    register: OpenedMail | None = None
    """None: this relay opens no mail; the mark counts nevertheless."""
    lookups: Lookups | None = None
    """Where the keys for such a mail are looked up: own recipients have one. None: where all others are."""

    async def is_opened(self, facts: Facts) -> bool:
        """Raises `StoreError` where that cannot be known."""
        if facts.opened.marked or self.register is None:
            return facts.opened.marked
        return await self.register.knows(facts.opened.message_ids)


NO_CHECK = OpenedCheck()
