"""A program of GnuPG's that hangs, with a child that does too, in the real one's place.

While it hangs, time runs: `CLOCK` is a clock of asyncio on which a second is ten minutes then. So a deadline of a
minute is tried in no time, and none passes before or after, however slow the machine is.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.waiting import wait_for

_PROGRAM = """\
#!/bin/bash
case " $* " in *"{on}"*) ;; *) exec {real} "$@" ;; esac
trap '' TERM INT HUP
echo $$ > {folder}/pid
mv {folder}/pid {folder}/hung
tail -f {folder}/{name} > /dev/null &
while :; do wait; done
"""

CLOCK = """\
import time
from asyncio import base_events
from pathlib import Path
ahead, last = 0.0, time.monotonic()
def hangs():
    try:
        return Path("/proc", Path({hung!r}).read_text().strip()).exists()
    except FileNotFoundError:
        return False
def clock(_loop):
    global ahead, last
    now = time.monotonic()
    if hangs():
        ahead += 600 * (now - last)
    last = now
    return now + ahead
base_events.MAXIMUM_SELECT_TIMEOUT = 0.05
base_events.BaseEventLoop.time = clock
"""


class Hanging:
    """It hangs where its arguments hold `on`, and else is the real one; `folder`, not there yet, belongs into PATH."""

    def __init__(self, folder: Path, on: str = "", name: str = "gpg") -> None:
        self.folder = folder
        folder.mkdir()
        real = shutil.which(name)
        (folder / name).write_text(_PROGRAM.format(on=on, real=real, folder=folder, name=name))
        (folder / name).chmod(0o755)

    @property
    def clock(self) -> str:
        """`CLOCK` for this one: Python for a process that calls it (`Relay.altered`)."""
        return CLOCK.format(hung=str(self.folder / "hung"))

    def assert_met_and_gone(self) -> None:
        """It was called and hung, and nothing of it is left."""
        assert (self.folder / "hung").exists()
        wait_for(lambda: not running(self.folder), "gpg and its child have ended", 10)


def running(folder: Path) -> list[str]:
    """The processes that name this folder on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            found += [words.decode()] if str(folder).encode() in words else []
    return found
