"""Which process has the connections at a place: proc(5) tells without a word on them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_ESTABLISHED = "01"


def at_port(port: int, pid: int) -> int:
    """Accepted connections at this port of 127.0.0.1 that the process has open."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return _held(pid, {row[9] for row in rows if row[3] == _ESTABLISHED and row[1].endswith(f":{port:04X}")})


def is_known(port: int) -> bool:
    """Whether somebody here has a connection to this client's port of 127.0.0.1, accepted or not."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[3] == _ESTABLISHED and row[2].endswith(f":{port:04X}") for row in rows)


def at_path(path: Path, pid: int) -> int:
    """The same for a unix socket; what listens there is not one."""
    rows = [row.split() for row in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return _held(pid, {row[6] for row in rows if row[7:] == [str(path)] and row[5] == "03"})


def _held(pid: int, inodes: set[str]) -> int:
    found = 0
    for descriptor in os.scandir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            found += os.readlink(descriptor.path).removeprefix("socket:[").rstrip("]") in inodes  # noqa: PTH115  scandir gives no Path
    return found
