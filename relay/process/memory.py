"""The process's memory: what is freed goes back to the system, and what stays is not looked through again.

glibc takes a block of its own from the system for what is large, but with each one that is freed it raises what it
calls large: after a few messages of 20 MB it holds several times as much that nobody uses. `return_large` fixes its
thresholds (mallopt(3)); elsewhere than with glibc it does nothing. `settle` is for the end of a start: Python's
collector went through all that was loaded every thousand mails, and nothing else ran for 70 ms. Raises nothing.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

LARGE = 384 * 1024
"""Above what asyncio reads at once (256 KiB), which would cost a system call each; below the slices of a large message
(`relay.smtp.data`), of which fifty at once left the heap full of holes."""
KEPT = 8 << 20
"""Of small blocks, at the heap's end."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h


def return_freed_memory() -> None:
    """From now on, in this process."""
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, LARGE)
        mallopt(_TRIM_THRESHOLD, KEPT)


def freeze_loaded_objects() -> None:
    """What is there now stays."""
    gc.collect()
    gc.freeze()
