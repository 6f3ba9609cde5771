"""A next hop that does as it is told: SMTP or LMTP on 127.0.0.1, records everything, fails where asked.

    async with ScriptedHop() as hop:                    # accepts everything
        hop.at["RCPT TO:<bob@x.example>"] = Say("550 5.1.1 No such user")
        hop.at["."] = Drop()
        ... SmtpOutlet(Endpoint.parse(hop.url), hostname="relay.example") ...
        assert hop.messages[0].content == b"..."

`at` maps a step to what happens there. A step is `connect`, a verb (`EHLO`, `LHLO`, `STARTTLS`, `XFORWARD`, `MAIL`,
`RCPT`, `DATA`, `RSET`, `QUIT`), `.` for the final dot, `body` for the middle of the content (after its first
octets), or the beginning of a command line, which goes before its verb. A message that it refuses leaves the
transaction open, as Postfix's smtpd_end_of_data_restrictions do: RSET ends it. A list of faults is used up one a time;
anything else stays.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

EXTENSIONS = (
    "PIPELINING",
    "SIZE 100000000",
    "8BITMIME",
    "SMTPUTF8",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT",
)

_USUAL = {"XFORWARD": "250 2.0.0 Ok", "MAIL": "250 2.1.0 Ok", "RCPT": "250 2.1.5 Ok", "QUIT": "221 2.0.0 Bye"}


@dataclass(frozen=True)
class Say:
    """Answer this (several lines joined by CRLF are one reply, or several for LMTP's final dot)."""

    line: str
    close: bool = False
    """… and close the connection."""


@dataclass(frozen=True)
class Drop:
    """Close the connection without an answer (`reset`: with RST)."""

    reset: bool = False


@dataclass(frozen=True)
class Hang:
    """Say nothing; `reading` until the client leaves, or not even that."""

    reading: bool = True


@dataclass(frozen=True)
class Wait:
    """Answer as usual once the event is set."""

    event: asyncio.Event


Fault = Say | Drop | Hang | Wait


@dataclass
class Message:
    """A transaction that was answered 2xx."""

    mail: str
    rcpts: list[str]
    xforward: list[str]
    content: bytes
    """Dots unstuffed."""
    connection: int
    """Counted from 1."""
    tls: bool


@dataclass
class _State:
    mail: str = ""
    rcpts: list[str] = field(default_factory=list)
    xforward: list[str] = field(default_factory=list)

    def note(self, verb: str, line: str) -> None:
        match verb:
            case "MAIL":
                self.mail = line
            case "RCPT":
                self.rcpts.append(line)
            case "XFORWARD":
                self.xforward.append(line)


class _Gone(Exception):
    pass


class ScriptedHop:
    def __init__(
        self,
        *,
        lmtp: bool = False,
        extensions: Sequence[str] = EXTENSIONS,
        tls: ssl.SSLContext | None = None,
        path: str = "",
    ) -> None:
        self.lmtp = lmtp
        self.extensions = tuple(extensions)
        self.tls = tls
        self.path = path
        self.at: dict[str, Fault | list[Fault]] = {}
        self.commands: list[str] = []
        self.messages: list[Message] = []
        self.heard: list[tuple[list[str], bytes]] = []
        """Every content, or the part of it that came, as it stood on the wire: also of what was not taken."""
        self.hanging = 0
        """Conversations that came to a `Hang`."""
        self.takes_unsaid = False
        """A message counts as taken although its final dot was answered otherwise (RFC 1047)."""
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.bodies = 0
        """Final dots seen, whatever was answered."""
        self.changed = asyncio.Event()
        """Set at every command, message and end of a connection; clear it before waiting."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.writers: list[asyncio.StreamWriter] = []
        """Of every connection, to say what nobody asked for."""

    @property
    def url(self) -> str:
        scheme = "lmtp" if self.lmtp else "smtp+starttls" if self.tls else "smtp"
        return f"{scheme}://{self.path}" if self.path else f"{scheme}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def listen(self, port: int = 0) -> None:
        if self.path:
            self._server = await asyncio.start_unix_server(self._connected, self.path, limit=2**20)
            return
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        await self.hang_up()

    async def hang_up(self) -> None:
        """Close every connection; new ones are still taken while the hop listens."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until(self, seen: str, count: int = 1) -> None:
        """Wait until that many commands began with `seen` (`.`: final dots)."""
        while (self.bodies if seen == "." else sum(c.startswith(seen) for c in self.commands)) < count:
            self.changed.clear()
            await self.changed.wait()

    async def until_closed(self) -> None:
        while self.open:
            self.changed.clear()
            await self.changed.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.writers.append(writer)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await _Conversation(self, reader, writer, self.connections).run()
        except (_Gone, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()
            self._tasks.discard(task)
            self.open -= 1
            self.changed.set()

    def _fault(self, step: str, line: str) -> Fault | None:
        for key in (*sorted((k for k in self.at if len(k) > len(step) and line.startswith(k)), reverse=True), step):
            fault = self.at.get(key)
            if isinstance(fault, list):
                if fault:
                    return fault.pop(0)
            elif fault is not None:
                return fault
        return None


class _Conversation:
    def __init__(
        self, hop: ScriptedHop, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self.hop = hop
        self.reader = reader
        self.writer = writer
        self.number = number
        self.secure = False
        self.state = _State()

    async def run(self) -> None:
        await self.answer("connect", "", "220 hop.example ESMTP")
        while True:
            line = (await self.reader.readuntil(b"\r\n"))[:-2].decode("utf-8", "surrogateescape")
            self.hop.commands.append(line)
            self.hop.changed.set()
            verb = line.split(" ", 1)[0].upper()
            await self.obey(verb, line)
            if verb == "QUIT":
                return

    async def obey(self, verb: str, line: str) -> None:
        match verb:
            case "EHLO" | "LHLO":
                await self.hello(verb, line)
            case "DATA":
                await self.data(line)
            case "STARTTLS":
                await self.answer(verb, line, "220 2.0.0 Go")
                await self.writer.start_tls(self.hop.tls)  # type: ignore[arg-type]  # announced where it is set
                self.secure = True
            case "MAIL" if self.state.mail:
                await self.answer("503", "", "503 5.5.1 Error: nested MAIL command")
            case "RSET":
                self.state = _State()
                await self.answer(verb, line, "250 2.0.0 Ok")
            case _:
                taken = await self.answer(verb, line, _USUAL.get(verb, "500 5.5.2 What?"))
                if taken:
                    self.state.note(verb, line)

    async def hello(self, verb: str, line: str) -> None:
        extra = ["STARTTLS"] if self.hop.tls and not self.secure else []
        *lines, last = "hop.example", *self.hop.extensions, *extra
        await self.answer(verb, line, "".join(f"250-{each}\r\n" for each in lines) + f"250 {last}")

    async def data(self, line: str) -> None:
        if not self.state.rcpts:
            await self.answer("DATA", line, "503 5.5.1 Nobody")
            return
        if not await self.answer("DATA", line, "354 Go"):
            return
        if "body" in self.hop.at:
            self.hop.heard.append((self.state.rcpts, await self.reader.read(1000)))
            await self.interrupt()
        wire = bytearray(b"\r\n")
        try:
            while not wire.endswith(b"\r\n.\r\n"):
                wire += await self.reader.readuntil(b"\r\n")
        finally:
            self.hop.heard.append((self.state.rcpts, bytes(wire)))
        self.hop.bodies += 1
        self.hop.changed.set()
        content = bytes(wire[:-3]).replace(b"\r\n.", b"\r\n")[2:]
        usual = "\r\n".join(["250 2.0.0 Taken"] * (len(self.state.rcpts) if self.hop.lmtp else 1))
        if self.hop.takes_unsaid:
            self.keep(content)
            await self.answer(".", "", usual)
        elif await self.answer(".", "", usual):
            self.keep(content)
        if self.hop.lmtp:
            self.state = _State()

    async def interrupt(self) -> None:
        """Octets that a server leaves unread make a reset of its leaving, which must not overtake what it has said."""
        try:
            await self.answer("body", "", "")
        except _Gone:
            await asyncio.sleep(0.01)
            raise

    def keep(self, content: bytes) -> None:
        state, self.state = self.state, _State()
        message = Message(state.mail, state.rcpts, state.xforward, content, self.number, self.secure)
        self.hop.messages.append(message)
        self.hop.changed.set()

    async def answer(self, step: str, line: str, usual: str) -> bool:
        fault = self.hop._fault(step, line)
        match fault:
            case Drop(reset):
                if reset:
                    self.writer.transport.abort()
                raise _Gone
            case Hang(reading):
                self.hop.hanging += 1
                self.hop.changed.set()
                while reading and await self.reader.read(1 << 16):
                    pass
                if not reading:
                    await asyncio.Event().wait()
                raise _Gone
            case Wait(event):
                await event.wait()
        text = fault.line if isinstance(fault, Say) else usual
        if text:
            self.writer.write(f"{text}\r\n".encode())
            await self.writer.drain()
        if isinstance(fault, Say) and fault.close:
            raise _Gone
        return text[:1] in {"2", "3"}


@asynccontextmanager
async def hop_at(port: int) -> AsyncIterator[ScriptedHop]:
    """One at this port."""
    hop = ScriptedHop()
    await hop.listen(port)
    try:
        yield hop
    finally:
        await hop.stop()
