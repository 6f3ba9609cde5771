"""The memory of this process: freed blocks go back to the system, and the garbage collector skips what was loaded.

glibc allocates a large block with mmap(2), but raises its threshold for that with each one that is freed: after a few
messages of 20 MB it keeps several times as much unused memory. `return_freed_memory` fixes the thresholds (mallopt(3));
with another C library it does nothing. `freeze_loaded_objects` is for the end of the start: otherwise Python's
collector goes through all loaded objects every thousand mails, for 70 ms in which nothing else runs. Raises nothing.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

LARGE = 384 * 1024
"""Above what asyncio reads at once (256 KiB): such blocks cost no system call. Below copied pieces of large mails."""
KEPT = 8 << 20
"""Of small blocks, at the heap's end."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h


def return_freed_memory() -> None:
    """Have malloc give freed memory back to the system, by fixed thresholds (mallopt(3)); nothing without glibc."""
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, LARGE)
        mallopt(_TRIM_THRESHOLD, KEPT)


def freeze_loaded_objects() -> None:
    """Exclude all objects that are loaded now from garbage collection (`gc.freeze`)."""
    gc.collect()
    gc.freeze()
