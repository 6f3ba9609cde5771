"""What processes cost: processor time and memory of a program with all it has started (proc(5)).

A child's processor time counts while it runs and, once it was reaped, in its parent's sums, so the total never jumps.
gpg-agent is nobody's child: it is found by the home on its command line. Memory is resident memory, and what memory
files (memfd_create(2)) hold, which is no process's; sampled, so a peak of under a few milliseconds may be missed.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, slots=True)
class Family:
    """A program, what it started, and the agent of its GnuPG home."""

    leader: int
    home: Path | None = None

    def members(self) -> list[int]:
        """All that live now."""
        children: defaultdict[int, list[int]] = defaultdict(list)
        found = []
        for pid in [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]:
            if stat := _stat(pid):
                children[int(stat[1])].append(pid)
                if self.home and stat[-1] == "gpg-agent" and str(self.home) in _command(pid):
                    found.append(pid)
        queue = [self.leader]
        while queue:
            found.append(pid := queue.pop())
            queue += children[pid]
        return found

    def seconds(self) -> float:
        """Of processor time so far, with children, living or reaped."""
        return sum(map(spent, self.members()))

    def octets(self, members: list[int] | None = None) -> int:
        """Of memory now."""
        files: dict[int, int] = {}
        total, leader = 0, _command(self.leader)
        for pid in members or self.members():
            if pid != self.leader and _command(pid) == leader:
                continue  # forked, and not yet the program it will be: its memory is its parent's
            with suppress(*GONE):
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
                files.update(_memory_files(pid))
        return total + sum(files.values())


def spent(pid: int) -> float:
    """Seconds of processor time of one process and the children it has reaped."""
    stat = _stat(pid)
    return sum(map(int, stat[11:15])) / TICK if stat else 0.0


def _stat(pid: int) -> list[str] | None:
    """The fields behind the name, which is put last."""
    try:
        head, _, tail = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except GONE:
        return None
    return [*tail.split(), head.partition("(")[2]]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except GONE:
        return ""


def _memory_files(pid: int) -> Iterator[tuple[int, int]]:
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with suppress(*GONE):
            if str(Path(entry.path).readlink()).startswith("/memfd:"):
                stat = Path(entry.path).stat()
                yield stat.st_ino, stat.st_blocks * 512


class Peak:
    """The most memory that was seen."""

    def __init__(self, idle: int) -> None:
        self.idle = idle
        self.octets = idle

    @property
    def above(self) -> int:
        """… beyond what was there at the beginning."""
        return self.octets - self.idle


@contextmanager
def peak(family: Family) -> Iterator[Peak]:
    """Watch while the block runs."""
    seen, ended = Peak(family.octets()), threading.Event()

    def watch() -> None:
        members, looked = family.members(), time.monotonic()
        while not ended.wait(0.002):
            if time.monotonic() > looked + 0.02:
                members, looked = family.members(), time.monotonic()
            seen.octets = max(seen.octets, family.octets(members))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
