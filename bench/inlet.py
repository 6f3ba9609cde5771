"""The relay's inlet alone, in front of nothing: `python bench/inlet.py PORT` takes every mail and forgets it."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from ipaddress import ip_network

from relay.config import Endpoint
from relay.model import Inbound, Reply
from relay.smtp.bounds import Bounds
from relay.smtp.inlet import Inlet
from relay.smtp.server_context import Awaited

TAKEN = Reply(250, "2.0.0", "forgotten")


@dataclass
class Forgotten:
    """Takes a mail."""

    inbound: Inbound

    async def replies(self, _: Awaited) -> tuple[Reply, ...]:
        return (TAKEN,) * len(self.inbound.envelope.recipients)

    async def settle(self, *, delivered: bool) -> None:
        pass


async def main(port: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    allow = [ip_network("127.0.0.0/8")]
    inlet = Inlet(Forgotten, hostname="inlet.example", allow=allow, bounds=Bounds())
    await inlet.start(Endpoint.parse(f"smtp://127.0.0.1:{port}"))
    await stop.wait()
    await inlet.stop(5)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
