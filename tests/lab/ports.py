"""Free ports on the loopback, from outside the range that the kernel gives to outgoing connections."""

from __future__ import annotations

import random
import socket

_RANGE = range(20_000, 32_000)
_random = random.SystemRandom()


def free_port() -> int:
    """A port nobody listens on now; another test process is unlikely to be given it in the meantime."""
    for _ in range(100):
        port = _random.choice(_RANGE)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")
