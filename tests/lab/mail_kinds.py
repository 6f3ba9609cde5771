"""Kinds of mail whose subject and text mail programs have to show once the relay has encrypted them."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from lab.known import KNOWN, Known
from lab.relay import Relay
from lab.sink import Sink

SENDER, UNSIGNED = "dr.martin@hopital.example", "other@hopital.example"
"""Envelope senders: the relay signs for the one, and not for the other."""


@dataclass(frozen=True)
class Kind:
    """One kind of mail; `fields` and `body` with LF."""

    name: str
    fields: str
    body: str
    text: str
    """What a reader sees of it."""
    late: bool = False
    by: str = SENDER
    attachments: tuple[str, ...] = ()

    def subject(self, engine: str) -> str:
        return f"Compte rendu {self.name} {engine}"

    def octets(self, engine: str) -> bytes:
        """As its client sends it; the Message-ID is `NAME-ENGINE@x`."""
        date = format_datetime(datetime.now(UTC) - timedelta(minutes=90 if self.late else 0))
        head = f"From: Dr Martin <{SENDER}>\nTo: {KNOWN}\nSubject: {self.subject(engine)}\nDate: {date}\n"
        head += f"Message-ID: <{self.name}-{engine}@x>\nMIME-Version: 1.0\n"
        return f"{head}{self.fields}\n{self.body}".replace("\n", "\r\n").encode()


_MIXED = """--b
Content-Type: text/plain; charset=utf-8

bonjour é
--b
Content-Type: application/pdf; name=a.pdf
Content-Disposition: attachment; filename=a.pdf
Content-Transfer-Encoding: base64

JVBERi0=
--b--
"""
_ONE_PART = "--{0}\n\nx\n--{0}--\n"
KINDS = (
    Kind("plain", "Content-Type: text/plain; charset=utf-8\n", "bonjour é\n", "bonjour é"),
    Kind("untyped", "", "bonjour\n", "bonjour"),
    Kind("late", "Content-Type: text/plain; charset=utf-8\n", "bonjour é\n", "bonjour é", late=True),
    Kind("attachment", "Content-Type: multipart/mixed; boundary=b\n", _MIXED, "bonjour é", attachments=("a.pdf",)),
    Kind(
        "boundary-space",
        "Content-Type: multipart/mixed; boundary=next part 1\n",
        _ONE_PART.format("next part 1"),
        "",  # it is lost in clear as well
    ),
    Kind("double-semicolon", 'Content-Type: multipart/mixed;; boundary="b"\n', _ONE_PART.format("b"), "x"),
    Kind("dup-charset", "Content-Type: text/html; charset=utf-8; charset=utf-8\n", "<p>bonjour</p>\n", "bonjour"),
    Kind(
        "merged-cte",
        'Content-Type: text/plain; charset = "iso-8859-1" Content-Transfer-Encoding: 8bit\n',
        "bonjour\n",
        "bonjour",
    ),
    Kind("no-value", "Content-Type: text/plain; protected; charset=utf-8\n", "bonjour\n", "bonjour"),
    Kind("text-only", "Content-Type: text\n", "bonjour\n", "bonjour"),
    Kind("two-types", "Content-Type: text/plain\nContent-Type: text/html\n", "bonjour\n", "bonjour"),
    Kind("unterminated", 'Content-Type: text/plain; charset="utf-8\n', "bonjour\n", "bonjour"),
)


def client_signed(signer: Known) -> tuple[Kind, Kind]:
    """A mail that its client signed (RFC 3156 section 5): signed by the relay as well, and not."""
    part = "Content-Type: text/plain; charset=utf-8\r\n\r\nbonjour\r\n"
    signature = signer.person.gpg("--armor", "--detach-sign", "--digest-algo", "SHA256", data=part.encode()).decode()
    fields = 'Content-Type: multipart/signed; micalg=pgp-sha256; protocol="application/pgp-signature"; boundary=x\n'
    body = f"--x\n{part}\n--x\nContent-Type: application/pgp-signature; name=signature.asc\n\n{signature}\n--x--\n"
    twice = Kind("client-signed", fields, body.replace("\r\n", "\n"), "bonjour")
    return twice, replace(twice, name="client-signed-alone", by=UNSIGNED)


@dataclass(frozen=True)
class Arrived:
    """One mail as it came out of the relay, and as it was sent."""

    kind: Kind
    engine: str
    sent: bytes
    content: bytes
    signer: str
    """The relay's fingerprint and public key, a line and the armor."""

    @property
    def subject(self) -> str:
        return self.kind.subject(self.engine)


def through_the_relay(engine: str, reader: Known, signer: Known) -> list[Arrived]:
    """Each kind, encrypted for the reader by this engine."""
    with Sink() as sink, Relay({"engine": engine, "reinject": f"smtp://127.0.0.1:{sink.port}"}) as relay:
        address = f"relay-{engine}@hopital.example"
        key = relay.run("keys", "generate", "Hôpital Exemple", address).stdout.decode()
        reader.introduce(relay)
        relay.configure({**relay.settings, "sign": {"senders": {SENDER: address}}})
        relay.start()
        return [_arrived(relay, sink, kind, engine, key) for kind in (*KINDS, *client_signed(signer))]


def _arrived(relay: Relay, sink: Sink, kind: Kind, engine: str, key: str) -> Arrived:
    sink.forget()
    sent = kind.octets(engine)
    with smtplib.LMTP("127.0.0.1", relay.port, timeout=60) as client:
        client.sendmail(kind.by, [KNOWN], sent)
    (mail,) = sink.wait_for(1)
    return Arrived(kind, engine, sent, mail.content, key)
