"""The bare minimum to compare with: aiosmtpd takes a message, aiosmtplib hands it on, connections are kept.

    python bench/passthrough.py --lmtp PORT --smtp PORT --next PORT [--processes N]

No check, no trace, no encryption, no DSN: it loses what its next hop refuses. Says `ready` and serves until SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import subprocess
import sys
from functools import partial

import aiosmtplib
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope

HOST = "127.0.0.1"
LARGEST = 100_000_000


class Onward:
    """aiosmtpd's hook."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[aiosmtplib.SMTP] = []

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        client = self._idle.pop() if self._idle else await self._connected()
        content = envelope.content or b""
        await client.sendmail(envelope.mail_from or "", envelope.rcpt_tos, content)
        self._idle.append(client)
        return "250 OK"

    async def _connected(self) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(hostname=HOST, port=self._port, start_tls=False, timeout=600)
        await client.connect()
        return client


async def serve(lmtp: int, smtp: int, onward: int) -> None:
    loop, stop, hook = asyncio.get_running_loop(), asyncio.Event(), Onward(onward)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    for kind, port in ((LMTP, lmtp), (SMTP, smtp)):
        make = partial(kind, hook, data_size_limit=LARGEST, hostname="passthrough.example", loop=loop)
        await loop.create_server(make, HOST, port, backlog=512, reuse_port=True)
    print("ready", flush=True)
    await stop.wait()


def main() -> None:
    options = argparse.ArgumentParser()
    for name in ("--lmtp", "--smtp", "--next"):
        options.add_argument(name, type=int, required=True)
    options.add_argument("--processes", type=int, default=1)
    chosen = options.parse_args()
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    again = [sys.executable, *sys.argv, "--processes=1"]
    others = [subprocess.Popen(again) for _ in range(chosen.processes - 1)]
    try:
        asyncio.run(serve(chosen.lmtp, chosen.smtp, chosen.next))
    finally:
        for other in others:
            other.terminate()
            other.wait()


if __name__ == "__main__":
    main()
