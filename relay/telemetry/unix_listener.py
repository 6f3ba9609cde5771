"""A unix socket to listen on, with the mode that says who may connect, from its first moment (unix(7))."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path


async def bound_unix(path: Path, mode: int) -> socket.socket:
    """The socket; one whose process has died is taken away. Raises `OSError`, also where another process listens."""
    await _clear(path)
    return _bound(path, mode)


def reason(error: OSError) -> str:
    """The system's own word; asyncio puts one of its own sentences in its place."""
    return os.strerror(error.errno).lower() if error.errno else str(error.strerror or "it cannot be used")


async def is_listening(path: Path) -> bool:
    """Whether a process listens there. Raises `OSError` where that cannot be told."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    writer.close()
    return True


async def _clear(path: Path) -> None:
    if await is_listening(path):
        raise FileExistsError(0, "another relay listens there")
    path.unlink(missing_ok=True)  # noqa: ASYNC240  one system call, at start


def _bound(path: Path, mode: int) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(made.fileno(), mode)  # bind(2) gives the file this mode, less the umask
        made.bind(str(path))
        path.chmod(mode)
    except BaseException:
        made.close()
        raise
    return made
