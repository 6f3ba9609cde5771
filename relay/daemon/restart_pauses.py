"""How long to wait before a worker that has ended is started again."""

from __future__ import annotations

STEADY = 30.0
"""Seconds that a worker has to run so that its end is not taken for a repeated fault."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


class RestartPauses:
    """The pauses of one worker: none, unless it ends again and again."""

    def __init__(self) -> None:
        self._short = 0

    def after(self, lasted: float) -> float:
        """The pause after a life of so many seconds."""
        self._short = 0 if lasted > STEADY else self._short + 1
        return 0.0 if self._short < 2 else min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._short - 2, 10))
