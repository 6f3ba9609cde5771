"""Seconds that this machine ran: while it stands still, no more than a moment of it counts.

What a test bounds is how long the product takes. That a virtual machine was stopped for two seconds meanwhile, or gave
this process no processor for so long, says nothing of it. Time in which this process computes counts, also where it
computes in one call that lets no other thread run.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

_LOOK = 0.02
_MOST = 0.1
"""Seconds between two looks that count, unless this process computed for longer."""


class Stopwatch:
    """`with Stopwatch() as watch: …; watch.seconds`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._over = threading.Event()

    def __enter__(self) -> Self:
        # the first look is here: a thread that has just been started may have to wait until a long call is over
        self._thread = threading.Thread(target=self._watch, args=(time.monotonic(), time.process_time()), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self, last: float, computed: float) -> None:
        over = False
        while not over:
            over = self._over.wait(_LOOK)
            now, spent = time.monotonic(), time.process_time()
            self.seconds += min(now - last, max(_MOST, spent - computed))
            last, computed = now, spent
