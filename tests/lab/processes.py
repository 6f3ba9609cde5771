"""What processes cost: processor time and memory of a program with all it has started (proc(5)).

A child's processor time counts while it runs and, once it was reaped, in its parent's sums, so the total never jumps.
gpg-agent is nobody's child: it is found by the home on its command line. Memory is the resident memory of all of them
(pages that two share count twice) and what memory files (memfd_create(2)) hold, which is no process's; sampled, so a
peak of under a few milliseconds may be missed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from relay.process.priority import NICEST

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
        return [*self.agents(), *self.descendants()]

    def agents(self) -> list[int]:
        """The home's."""
        everybody = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [
            pid for pid in everybody if self.home and _name(pid) == "gpg-agent" and str(self.home) in command_of(pid)
        ]

    def descendants(self) -> list[int]:
        """The program and what it started."""
        found, queue = [], [self.leader]
        while queue:
            found.append(pid := queue.pop())
            queue += _children(pid)
        return found

    def seconds(self) -> float:
        """Of processor time so far, with children, living or reaped."""
        return sum(map(spent, self.members()))

    def settle(self) -> None:
        """Return when it does nothing: at its start the relay counts all certificates, once."""
        before = -1.0
        while self.seconds() > before + 0.02:
            before = self.seconds()
            time.sleep(1)

    def octets(self, agents: Sequence[int]) -> int:
        """Of memory now."""
        files: dict[int, int] = {}
        total = 0
        for pid in (*agents, *self.descendants()):
            with suppress(*GONE):
                total += _resident(pid)
                files.update(_memory_files(pid))
        return total + sum(files.values())


class Busy:
    """How busy this machine is from now on with what is not this family's.

    All that the processors do but idle counts: other programs, what a hypervisor takes, and what the kernel does for
    nobody, a few hundredths of a processor.
    """

    def __init__(self, ours: Family) -> None:
        self._ours = ours
        self._begun, self._before = time.monotonic(), self._seconds()

    def others(self) -> float:
        """Processors, on the average since."""
        return (self._seconds() - self._before) / (time.monotonic() - self._begun)

    def _seconds(self) -> float:
        first, *lines = Path("/proc/stat").read_text().splitlines()
        idle = sum(map(int, first.split()[4:6])) / TICK
        processors = sum(line.startswith("cpu") for line in lines)
        return time.monotonic() * processors - idle - self._ours.seconds()


def spent(pid: int) -> float:
    """Seconds of processor time of one process and the children it has reaped."""
    stat = _stat(pid)
    return sum(map(int, stat[11:15])) / TICK if stat else 0.0


def as_nice(nice: int) -> int:
    """The priority of what gives way to this process by so much (`relay.process.priority`)."""
    now = os.getpriority(os.PRIO_PROCESS, 0)
    return max(now, min(NICEST, now + nice))


def nice_of(pid: int) -> int | None:
    """Its own; None where it has ended."""
    stat = _stat(pid)
    return int(stat[16]) if stat else None


def ended(pid: int) -> bool:
    """It has, whether or not anybody has reaped it."""
    stat = _stat(pid)
    return stat is None or stat[0] == "Z"


def _stat(pid: int) -> list[str] | None:
    """The fields behind the name."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except GONE:
        return None


def _children(pid: int) -> Iterator[int]:
    """Of all its threads."""
    with suppress(*GONE):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (thread / "children").read_text().split())


def _resident(pid: int) -> int:
    """Octets; none for what vfork(2) has just made: it still is in its parent's memory."""
    stat = _stat(pid)
    if stat is None or command_of(pid) == command_of(int(stat[1])):
        return 0
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def _name(pid: int) -> str:
    return _read(f"/proc/{pid}/comm").rstrip()


def command_of(pid: int) -> str:
    """Its words; none where it has ended."""
    return _read(f"/proc/{pid}/cmdline").replace("\0", " ")


def _read(file: str) -> str:
    try:
        return Path(file).read_text()
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
        self.looks = 0

    @property
    def above(self) -> int:
        """… beyond what was there at the beginning."""
        return self.octets - self.idle


@contextmanager
def peak(family: Family) -> Iterator[Peak]:
    """Watch while the block runs."""
    agents, ended = family.agents(), threading.Event()
    seen = Peak(family.octets(agents))

    def watch() -> None:
        while not ended.wait(0.002):
            seen.looks += 1
            seen.octets = max(seen.octets, family.octets(agents))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
