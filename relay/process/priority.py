"""Priorities: processes that no mail waits for leave the processor to those that handle mail.

Linux shares the processor between sessions first (autogroup, sched(7)): a process with a lower priority has to be in
the relay's session, in a process group of its own. Where a system call filter forbids changing the priority, it keeps
the relay's. Raises nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress

NICEST = 10
"""The lowest priority, also of processes started by such a process: deadlines are the same for them."""


def give_way(nice: int, pid: int = 0) -> None:
    """Lower the priority of this process, or of `pid`, by so much; a process that has ended is no error."""
    now = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, max(now, min(NICEST, now + nice)))
