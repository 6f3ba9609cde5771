"""A mailbox at the end of the way: an SMTP or LMTP server that takes everything and keeps how it came.

`Sink` is a context manager and serves from threads. Each transaction is a `Taken`: the envelope with all of its
parameters, the XFORWARD attributes and the content, dots unstuffed. `wait_for(n)` returns once n have come.
"""

from __future__ import annotations

import re
import socketserver
import threading
from dataclasses import dataclass, field
from types import TracebackType

from lab.canary import assert_unheard, is_notice
from lab.serving import Server, Serving

KEYWORDS = (
    "PIPELINING",
    "SIZE",
    "8BITMIME",
    "SMTPUTF8",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT",
)

_PATH = re.compile(r'<(?P<path>(?:"(?:[^"\\]|\\.)*"|[^">])*)>(?P<options>.*)')


@dataclass
class Taken:
    """One mail as it arrived. Addresses stand without angle brackets, parameters as they came."""

    sender: str = ""
    options: list[str] = field(default_factory=list)
    recipients: dict[str, list[str]] = field(default_factory=dict)
    """One that is named several times has the parameters of all."""
    answers: int = 0
    """How often RCPT was said."""
    xforward: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def header(self) -> str:
        return self.content.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")

    @property
    def body(self) -> bytes:
        return self.content.partition(b"\r\n\r\n")[2]


class Sink(Serving):
    """`with Sink() as sink: ...; (mail,) = sink.wait_for(1)`."""

    def __init__(self, *, lmtp: bool = False) -> None:
        self._lmtp = lmtp
        self._taken: list[Taken] = []
        self._notices: list[bytes] = []
        self._arrived = threading.Condition()
        super().__init__(_Server(self))

    @property
    def taken(self) -> list[Taken]:
        """All that has come so far."""
        with self._arrived:
            return list(self._taken)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        for notice in self._notices:
            assert_unheard(notice, "a notice")

    def wait_for(self, count: int, seconds: float = 60) -> list[Taken]:
        """The first mails, as soon as there are so many."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._taken) >= count, seconds):
                raise AssertionError(f"{len(self._taken)} of {count} mails came within {seconds:g} s")
            return list(self._taken)

    def forget(self) -> None:
        """Begin anew: what has come so far no longer counts."""
        with self._arrived:
            self._taken.clear()

    def remove(self, mail: Taken) -> None:
        """It no longer counts."""
        with self._arrived:
            self._taken.remove(mail)

    def keep(self, mail: Taken) -> None:
        with self._arrived:
            self._taken.append(mail)
            if is_notice(mail.content):
                self._notices.append(mail.content)
            self._arrived.notify_all()

    @property
    def lmtp(self) -> bool:
        return self._lmtp


class _Server(Server):
    def __init__(self, sink: Sink) -> None:
        super().__init__(_Dialogue)
        self.sink = sink


class _Dialogue(socketserver.StreamRequestHandler):
    server: _Server
    timeout = 60
    disable_nagle_algorithm = True  # or the second of two replies waits 40 ms for the first one's ACK

    def handle(self) -> None:
        self._mail = Taken()
        self._say("220 sink.example ready")
        while line := self._line():
            verb, _, rest = line.decode("utf-8", "surrogateescape").rstrip("\r\n").partition(" ")
            if verb.upper() == "QUIT":
                self._say("221 2.0.0 bye")
                return
            self._command(verb.upper(), rest)

    def _line(self) -> bytes:
        """Empty at the end, which is there too for a client that says nothing for a minute."""
        try:
            return self.rfile.readline()
        except TimeoutError:
            return b""

    def _command(self, verb: str, rest: str) -> None:
        match verb:
            case "EHLO" | "LHLO":
                self._greet()
            case "XFORWARD":
                self._mail.xforward.update(word.partition("=")[::2] for word in rest.split())
                self._say("250 2.0.0 ok")
            case "MAIL":
                self._mail.sender, self._mail.options = _path(rest)
                self._say("250 2.1.0 ok")
            case "RCPT":
                address, options = _path(rest)
                self._mail.recipients.setdefault(address, []).extend(options)
                self._mail.answers += 1
                self._say("250 2.1.5 ok")
            case "DATA":
                self._data()
            case "RSET":
                self._mail = Taken()
                self._say("250 2.0.0 ok")
            case "NOOP":
                self._say("250 2.0.0 ok")
            case _:
                self._say("502 5.5.1 not known here")

    def _greet(self) -> None:
        lines = ["sink.example", *KEYWORDS]
        for line in lines[:-1]:
            self._say(f"250-{line}")
        self._say(f"250 {lines[-1]}")

    def _data(self) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b".") else line)
        if not line:
            return  # broken off: nothing was taken
        mail, self._mail = self._mail, Taken()
        mail.content = b"".join(lines)
        self.server.sink.keep(mail)
        for _ in range(mail.answers if self.server.sink.lmtp else 1):
            self._say("250 2.0.0 taken")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


def _path(text: str) -> tuple[str, list[str]]:
    """`FROM:<a@b> BODY=8BITMIME` -> the address and the parameters."""
    found = _PATH.match(text.partition(":")[2].strip())
    assert found, text
    return found["path"], found["options"].split()
