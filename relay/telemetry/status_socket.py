"""The socket in the keyring folder on which the relay's own user asks how the relay is doing.

A unix socket's path is at most 107 octets long (sun_path of unix(7)); the folder's own may be longer. Then the folder
is opened, and the path leads through its descriptor (/proc/self/fd of proc(5)), which is short.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relay.model.endpoint import LONGEST_SOCKET

NAME = "status.sock"


@contextmanager
def reachable(folder: Path) -> Iterator[Path]:
    """A path to bind or connect to, meanwhile. Raises `OSError` where there is no folder."""
    path = folder / NAME
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        yield path
        return
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{descriptor}") / NAME
    finally:
        os.close(descriptor)
