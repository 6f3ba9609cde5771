"""Postfix's smtp-sink: a next hop that takes everything and forgets it, in a process of its own.

A client that measures time is not kept waiting by it, as it is by a server in threads of the same process.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lab.ports import free_port
from lab.waiting import wait_for


@contextmanager
def smtp_sink() -> Iterator[int]:
    """The port it listens on, on 127.0.0.1."""
    port = free_port()
    user = ["-u", "postfix"] if os.geteuid() == 0 else []
    process = subprocess.Popen(["smtp-sink", *user, "-t", "3600", f"127.0.0.1:{port}", "1000"])
    try:
        wait_for(lambda: _listens(port), "smtp-sink listens")
        yield port
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
