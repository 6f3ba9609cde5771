"""Another program, run to its end, or to its deadline, or until it has printed too much.

Blocks. Raises `subprocess.TimeoutExpired` after the deadline, and `TooMuch`: then it was killed, with all it has
started. `OSError` where it cannot be started.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import BytesIO

from relay.process import external

MOST = 64 << 20
"""Octets that a program may print, unless the caller says otherwise."""
_PIECE = 1 << 16


class TooMuch(subprocess.SubprocessError):
    """The program printed more than may be kept."""


def bounded(
    command: Sequence[str],
    seconds: float,
    given: bytes = b"",
    *,
    most: int = MOST,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """What it made of `given`, and its exit status. `most`: octets of its output and its errors together."""
    ends, pipe = time.monotonic() + seconds, subprocess.PIPE
    with (
        external.standard_input(given) as stdin,
        subprocess.Popen(  # noqa: S603  a list, no shell
            command, stdin=stdin, stdout=pipe, stderr=pipe, start_new_session=True, env=environment
        ) as process,
    ):
        try:
            out, err = _read(process, ends, seconds, most)
            process.wait(max(0.0, ends - time.monotonic()))
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # a session of its own: its children with it
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _read(process: subprocess.Popen[bytes], ends: float, seconds: float, most: int) -> tuple[bytes, bytes]:
    """Its output and its errors, once it has closed both."""
    kept = {pipe: BytesIO() for pipe in (process.stdout, process.stderr) if pipe}
    with selectors.DefaultSelector() as selector:
        for pipe, printed in kept.items():
            selector.register(pipe, selectors.EVENT_READ, printed)
        while selector.get_map():
            left = ends - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(process.args, seconds)
            for key, _ in selector.select(left):
                piece = os.read(key.fd, _PIECE)
                key.data.write(piece)
                if not piece:
                    selector.unregister(key.fileobj)
            if sum(printed.tell() for printed in kept.values()) > most:
                raise TooMuch("the program printed more than may be kept")
    out, err = (printed.getvalue() for printed in kept.values())
    return out, err
