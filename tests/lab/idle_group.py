"""Processes that get the processor when nobody else wants it, as systemd runs a unit with `CPUWeight=idle`.

Linux lets a program that has just woken interrupt such a process at once, and not after its slice of some milliseconds
(cpu.idle, control groups). Needs root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_FIRST, _SECOND = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
"""Where the groups of the processor are, in version 1 and 2 of control groups."""


@contextmanager
def idle_group(pids: Sequence[int]) -> Iterator[None]:
    """With all their threads, until the end."""
    top = _FIRST if _FIRST.is_dir() else _SECOND
    if top == _SECOND:
        (top / "cgroup.subtree_control").write_text("+cpu")
    group = top / f"pgp-relay-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cpu.idle").write_text("1")
        _move(pids, group)
        try:
            yield
        finally:
            _move(pids, top)
    finally:
        group.rmdir()


def _move(pids: Sequence[int], group: Path) -> None:
    for pid in pids:
        (group / "cgroup.procs").write_text(str(pid))
