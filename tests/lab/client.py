"""A raw SMTP or LMTP client: says octets, reads replies, and knows nothing else."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

from lab.canary import assert_unheard, sent


class Client:
    """`async with Client(url) as client: await client.hello(); ...`; the greeting has been read."""

    def __init__(self, url: str, *, local: tuple[str, int] | None = None) -> None:
        self._url = urlsplit(url)
        self._local = local
        self.greeting = ""

    async def __aenter__(self) -> Self:
        if self._url.hostname:
            self.reader, self.writer = await asyncio.open_connection(
                self._url.hostname, self._url.port, local_addr=self._local
            )
        else:
            self.reader, self.writer = await asyncio.open_unix_connection(self._url.path)
        self.greeting = await self.reply()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.drop()

    def drop(self) -> None:
        """Leave without a word."""
        self.writer.close()

    def reset(self) -> None:
        """Leave with a RST."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> str:
        """One reply, its lines joined by LF; an empty string at the end of the connection."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            line = await self.reader.readline()
            if not line:
                return "\n".join(lines)
            lines.append(line.decode().rstrip("\r\n"))
        reply = "\n".join(lines)
        assert_unheard(reply.encode(), "a reply")
        return reply

    async def say(self, command: str | bytes) -> str:
        data = command.encode("utf-8", "surrogateescape") if isinstance(command, str) else command
        await self.write(data + b"\r\n")
        return await self.reply()

    async def hello(self, name: str = "client.example") -> list[str]:
        """EHLO or LHLO; the announced lines."""
        verb = "LHLO" if self._url.scheme == "lmtp" else "EHLO"
        return [line[4:] for line in (await self.say(f"{verb} {name}")).split("\n")[1:]]

    async def envelope(self, sender: str, recipients: Sequence[str]) -> list[str]:
        """MAIL and RCPT, `FROM:<…>` and `TO:<…>` put around (parameters after a space)."""
        replies = [await self.say(f"MAIL FROM:{_path(sender)}")]
        replies += [await self.say(f"RCPT TO:{_path(recipient)}") for recipient in recipients]
        return replies

    async def send(self, sender: str, recipients: Sequence[str], content: bytes) -> list[str]:
        """A whole transaction; the replies after the final dot: one a recipient with LMTP."""
        for reply in await self.envelope(sender, recipients):
            assert reply.startswith("250"), reply
        reply = await self.say("DATA")
        assert reply.startswith("354"), reply
        await self.body(content)
        count = len(recipients) if self._url.scheme == "lmtp" else 1
        return [await self.reply() for _ in range(count)]

    async def body(self, content: bytes) -> None:
        """The content with dots stuffed, and the final dot."""
        assert not content or content.endswith(b"\r\n")
        sent(content)
        await self.write((b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")

    async def starttls(self, context: ssl.SSLContext, name: str = "localhost") -> None:
        assert (await self.say("STARTTLS")).startswith("220")
        await self.writer.start_tls(context, server_hostname=name)


def _path(text: str) -> str:
    address, space, parameters = text.partition(" ")
    return f"<{address}>{space}{parameters}"
