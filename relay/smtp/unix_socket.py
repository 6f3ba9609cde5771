"""The place of a unix socket, before it is bound (unix(7)), and who may connect there."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress

ANYONE_HERE = 0o666  # as with 127.0.0.0/8: who may reach the folder may connect


def make_way(path: str) -> None:
    """Remove the socket of a process that was killed. Raises `OSError` (EADDRINUSE) where a process listens on it."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116  also through a link
            _assure_unused(path)
            os.unlink(path)  # noqa: PTH108  likewise


def _assure_unused(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(0)
        try:
            client.connect(path)
        except ConnectionRefusedError:
            return
        except BlockingIOError:  # its queue is full
            pass
    raise OSError(errno.EADDRINUSE, "another program listens there")
