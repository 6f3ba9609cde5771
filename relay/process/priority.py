"""Priorities: processes that no mail waits for leave the processor to those that handle mail.

Linux shares the processor between sessions first (autogroup, sched(7)). A process with a lower priority has to be in
the relay's session, in a process group of its own: it gives way to the relay. Or it leads a session of its own, and the
whole session gets that priority: then it also gives way to Postfix and all other programs. Where a system call filter
forbids changing the priority, it keeps the relay's. Raises nothing.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

NICEST = 10
"""The lowest priority, also of processes started by such a process: deadlines are the same for them."""


_AUTOGROUP = Path("/proc/self/autogroup")
_TRIES = 20
_PAUSE = 0.1
"""Seconds in which Linux takes one such change, on the whole machine."""


def give_way(nice: int, pid: int = 0) -> None:
    """Lower the priority of this process, or of `pid`, by so much; a process that has ended is no error."""
    now = os.getpriority(os.PRIO_PROCESS, 0)
    then = max(now, min(NICEST, now + nice))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, then)
    if not pid and os.getsid(0) == os.getpid():
        _session_gives_way(then)


def _session_gives_way(nice: int) -> None:
    for _ in range(_TRIES):
        try:
            _AUTOGROUP.write_text(str(nice))
        except BlockingIOError:
            time.sleep(_PAUSE)
        except OSError:  # the kernel has no autogroups
            return
        else:
            return
