"""Tokens that only a page of ours holds: a form that comes from elsewhere, or from a scanner of links, has none.

A token is bound to what its page is about and to an hour. The secret lives as long as the process: pages that were open
during a restart have to be sent again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

HOUR = 3600
VALID_HOURS = 2


class PageTokens:
    """`make` one, and see whether it `fits`."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._secret = secrets.token_bytes(32)
        self._clock = clock

    def make(self, about: bytes) -> str:
        """For a page about this, now."""
        return self._of(about, int(self._clock()) // HOUR)

    def fits(self, token: str, about: bytes) -> bool:
        """Whether a page of ours about this had it within the last hours."""
        hour = int(self._clock()) // HOUR
        made = [self._of(about, hour - age) for age in range(VALID_HOURS + 1)]
        return any(hmac.compare_digest(token.encode("utf-8", "replace"), each.encode()) for each in made)

    def _of(self, about: bytes, hour: int) -> str:
        return hmac.new(self._secret, hour.to_bytes(8, "big") + about, hashlib.sha256).hexdigest()
