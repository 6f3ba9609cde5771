"""Another program, run to its end or to its deadline.

Raises `subprocess.TimeoutExpired` after the deadline: then it was killed, with all it has started. `OSError` where it
cannot be started.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress


def bounded(command: Sequence[str], seconds: float, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """What it made of `given`, and its exit status."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as process:  # noqa: S603  a list, no shell
        try:
            out, err = process.communicate(given, seconds)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # a session of its own: its children with it
    return subprocess.CompletedProcess(command, process.returncode, out, err)
