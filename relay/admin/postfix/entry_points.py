"""The ways by which mail comes into Postfix: its SMTP servers and its `sendmail`. Each takes a mail or says why not."""

from __future__ import annotations

import re
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from relay.admin.postfix.folder import parameter, postconf
from relay.admin.postfix.inbound_settings import SYSLOG_NAME as INBOUND_SYSLOG_NAME
from relay.admin.postfix.inbound_settings import TRANSPORT as INBOUND
from relay.admin.postfix.settings import SYSLOG_NAME
from relay.model.errors import PostfixError
from relay.process.bounded import bounded

_SECONDS = 30
_LONGEST = 200
_SERVERS = ("smtpd", "postscreen")
_PORTS = {"smtp": 25, "submission": 587, "smtps": 465, "submissions": 465}
"""Where /etc/services does not know them."""
_OURS = frozenset({f"syslog_name={SYSLOG_NAME}", f"syslog_name={INBOUND_SYSLOG_NAME}"})
_QUEUED = re.compile(r"queued as (\S+)")


class NotTaken(PostfixError):
    """Postfix did not take the mail."""


@dataclass(frozen=True, slots=True)
class Server:
    """One of its SMTP servers."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"smtp {self.host}:{self.port}"

    def send(self, sender: str, recipient: str, content: bytes) -> str:
        """Hand the mail over; its queue id. Raises `NotTaken`."""
        try:
            with smtplib.SMTP(self.host, self.port, "localhost", timeout=_SECONDS) as client:
                client.ehlo()
                _demand(client.mail(sender))
                _demand(client.rcpt(recipient))
                answer = _demand(client.data(content))
        except smtplib.SMTPResponseException as error:
            raise NotTaken(_reply(error.smtp_code, error.smtp_error)) from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotTaken(f"no SMTP there: {type(error).__name__}") from None
        queued = _QUEUED.search(answer)
        return queued[1] if queued else ""


@dataclass(frozen=True, slots=True)
class Sendmail:
    """Its sendmail(1): what programs on this machine send."""

    folder: Path
    program: str

    def __str__(self) -> str:
        return "sendmail"

    def send(self, sender: str, recipient: str, content: bytes) -> str:
        """As `Server.send`; the queue id is not known."""
        words = [self.program, "-C", str(self.folder), "-i", "-f", sender or "<>", "--", recipient]
        try:
            done = bounded(words, _SECONDS, content)
        except (OSError, subprocess.SubprocessError) as error:
            raise NotTaken(f"sendmail does not run: {type(error).__name__}") from None
        if done.returncode:
            raise NotTaken(f"sendmail: {_shortened(done.stderr)}")
        return ""


Way = Server | Sendmail


def ways(folder: Path) -> Iterator[Way]:
    """All of them; the server that takes mail back from the relay is none."""
    for name, options in _servers(folder):
        if _OURS.isdisjoint(options):
            yield _server(name, folder)
    yield Sendmail(folder, parameter(folder, "sendmail_path"))


def mx_way(folder: Path) -> Server:
    """The one of the MX: the server that hands to the relay's incoming side, or postscreen before it."""
    lines = postconf(folder, "-P", "*/*/content_filter").splitlines()
    handing = [line.split("/")[:2] for line in lines if f"= {INBOUND}:" in line]
    if not handing:
        raise PostfixError("no service leads mail from outside to the relay: `pgp-relay postfix install --inbound`")
    ((name, kind), *_) = handing
    if kind == "pass":
        name = next((each for each, options in _servers(folder) if options[0] == "postscreen"), name)
    return _server(name, folder)


def _servers(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Name, program and options of each SMTP server that listens."""
    for line in postconf(folder, "-F", "*/inet/command").splitlines():
        service, _, command = line.partition("=")
        words = command.split()
        if words[0] in _SERVERS:
            yield service.split("/")[0].strip(), words


def _server(name: str, folder: Path) -> Server:
    host, _, port = name.rpartition(":")
    return Server(host.strip("[]") or _own_address(folder), _port(port))


def _own_address(folder: Path) -> str:
    first = re.split(r"[\s,]+", parameter(folder, "inet_interfaces"))[0]
    return "127.0.0.1" if first in {"", "all", "loopback-only"} else first.strip("[]")


def _port(name: str) -> int:
    if name.isdigit():
        return int(name)
    try:
        return socket.getservbyname(name, "tcp")
    except OSError:
        return _PORTS.get(name, 25)


def _demand(answer: tuple[int, bytes]) -> str:
    code, text = answer
    if code != 250:
        raise NotTaken(_reply(code, text))
    return text.decode("ascii", "replace")


def _reply(code: int, text: bytes | str) -> str:
    return f"{code} {_shortened(text.encode() if isinstance(text, str) else text)}"


def _shortened(text: bytes) -> str:
    return " ".join(text.decode("utf-8", "replace").split())[:_LONGEST]
