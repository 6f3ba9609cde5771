"""A program with a terminal before it, as a process of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Shown(NamedTuple):
    """What came of it."""

    text: str
    """All that was written to the terminal, with its control sequences."""
    status: int


def on_a_terminal(words: Sequence[str | Path], *, stdout: int | None = None) -> Shown:
    """To its end, on a terminal of 80 columns; perhaps standard output goes elsewhere."""
    ours, theirs = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # EIO: the other side is closed
            while octets := os.read(ours, 65536):
                shown.append(octets)

    reading = threading.Thread(target=read)
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=stdout or theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    ) as process:
        os.close(theirs)
        reading.start()
    reading.join()
    os.close(ours)
    return Shown(b"".join(shown).decode(), process.returncode)
