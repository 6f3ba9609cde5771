"""Giving way: what mails do not wait for leaves the processor to the relay.

Linux weighs sessions against each other before anything else (autogroup, sched(7)): a process that is to give way stays
in the relay's session, in a process group of its own. Where a filter of system calls forbids being nice it works all
the same, as urgently as the rest. Raises nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress

NICEST = 10
"""Of what is started by what is nice, too: a deadline is no later for who gets no processor."""


def give_way(nice: int, pid: int = 0) -> None:
    """By so much more than this process does; `pid`: another one, which may have ended."""
    now = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, max(now, min(NICEST, now + nice)))
