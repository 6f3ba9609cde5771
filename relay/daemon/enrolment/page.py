"""Handles what visitors did on the page `/keys`; everything is examined again here.

Raises what `challenger` raises; the event then comes again.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.daemon.enrolment.challenger import Challenger, tell
from relay.model.enrolment import Fate
from relay.model.public import PublicEvent


@dataclass(frozen=True, slots=True)
class PageEvents:
    """The event handlers that `relay.daemon.public_link` calls."""

    challenger: Challenger

    async def sent_in(self, event: PublicEvent, octets: bytes) -> None:
        """Take a key, for the address that its sender chose."""
        await self.challenger.take(octets, event.about, "web")

    async def confirmed(self, event: PublicEvent, _octets: bytes) -> None:
        """Confirm a challenge: its token stood in a mail to the address, encrypted to the key."""
        one = await self.challenger.register.open(event.about)
        if one is None:
            tell(Fate.UNKNOWN, "")
        else:
            await self.challenger.confirm(one)

    async def refused(self, event: PublicEvent, _octets: bytes) -> None:
        """Send no more invitations to the address of this token."""
        await self.challenger.refuse(event.about)
