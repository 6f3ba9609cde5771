"""A hospital whose incoming mail the relay opens: own addresses, correspondents with keys, mailboxes behind it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self

from lab import canary
from lab.certificates import Keypair
from lab.client import Client
from lab.gnupghome import gnupg_home, gnupg_keypair, gpg
from lab.ports import free_port
from lab.relay import Relay
from lab.sink import Sink, Taken
from lab.writers import write_gnupg
from relay.mail import armor, headers

MX = "mx.hopital.example"
DR, NURSE = "dr.martin@hopital.example", "accueil@hopital.example"
BOB, EVE = "bob@example.org", "eve@evil.example"


@dataclass(frozen=True)
class Correspondent:
    """Somebody with a key."""

    address: str
    keys: Keypair

    @classmethod
    def new(cls, address: str) -> Correspondent:
        return cls(address, gnupg_keypair(address))

    def encrypt(self, inside: bytes, *certificates: bytes) -> bytes:
        """Signed and encrypted, binary."""
        canary.sent(inside)
        more = []
        with gnupg_home() as home:
            for number, certificate in enumerate(certificates[1:]):
                file = home / f"more{number}"
                file.write_bytes(certificate)
                more += ["--recipient-file", str(file)]
            return write_gnupg(inside, certificates[0], self.keys.secret, *more)

    def sign(self, content: bytes) -> bytes:
        """A detached signature, binary."""
        with gnupg_home() as home:
            gpg(home, "--import", content=self.keys.secret)
            return gpg(home, "--detach-sign", content=content).stdout


class Hospital:
    """`with Hospital("gnupg") as hospital: (mail,) = hospital.take(content, DR)`."""

    def __init__(self, engine: str, settings: Mapping[str, object] = {}, **inbound: object) -> None:
        self.port = free_port()
        self.sink, self.outside = Sink(), Sink()
        self._engine = engine
        self._settings = settings
        self._inbound = inbound
        self.certificates: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        self.sink.__enter__()
        self.outside.__enter__()
        self.relay = Relay()
        self.relay.__enter__()
        self.socket = self.relay.folder / "incoming"
        inbound = {
            "listen": [f"lmtp://127.0.0.1:{self.port}", f"lmtp://{self.socket}"],
            "reinject": f"smtp://127.0.0.1:{self.sink.port}",
            "authserv_id": MX,
        }
        settings: dict[str, Any] = {
            "engine": self._engine,
            "reinject": f"smtp://127.0.0.1:{self.outside.port}",
            "own": {"domains": ["hopital.example"]},
            "inbound": inbound | self._inbound,
        }
        self.relay.configure(self.relay.settings | settings | dict(self._settings))
        self.relay.run("own", "create", "Hôpital Exemple")
        self.relay.run("own", "add", DR, NURSE)
        for address in (DR, NURSE):
            (block,) = armor.dearmor(self.relay.run("own", "show", address).stdout)
            self.certificates[address] = block.data
        self.relay.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.relay.__exit__(kind, error, trace)
        self.sink.__exit__(kind, error, trace)
        self.outside.__exit__(kind, error, trace)

    def imports(self, *certificates: bytes) -> None:
        """As an administrator does; they count when this returns."""
        for certificate in certificates:
            file = self.relay.folder / f"{secrets.token_hex(4)}.pgp"
            file.write_bytes(certificate)
            self.relay.run("keys", "import", file)
            file.unlink()

    def send(self, content: bytes, *recipients: str, sender: str = BOB) -> list[str]:
        """What the relay answers to an incoming mail."""
        return asyncio.run(_transaction(self.port, sender, recipients, content))

    def leave(self, content: bytes, sender: str, *recipients: str) -> list[str]:
        """What it answers to an outgoing one."""
        self.outside.forget()
        return asyncio.run(_transaction(self.relay.port, sender, recipients, content))

    def take(self, content: bytes, *recipients: str, sender: str = BOB) -> Sequence[Taken]:
        """What arrives, one mail a recipient or fewer."""
        self.sink.forget()
        answers = self.send(content, *recipients, sender=sender)
        assert all(answer.startswith("250") for answer in answers), answers
        return self.sink.taken


async def _transaction(port: int, sender: str, recipients: Sequence[str], content: bytes) -> list[str]:
    async with Client(f"lmtp://127.0.0.1:{port}") as client:
        await client.hello()
        return await client.send(sender, recipients, content)


def outer(author: str = BOB, *more: str, date: float | None = None) -> bytes:
    lines = [
        f"Received: from out.example by {MX} (Postfix) with ESMTPS id 4X; {formatdate()}",
        f"From: {author}",
        f"To: {DR}",
        "Subject: [...]",
        f"Date: {formatdate(time.time() if date is None else date)}",
        f"Message-ID: <{secrets.token_hex(8)}@example.org>",
        "MIME-Version: 1.0",
        *more,
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def pgp_mime(data: bytes, header: bytes) -> bytes:
    """RFC 3156 section 4."""
    return (
        header + b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n"
        b"--b\r\nContent-Type: application/octet-stream\r\n\r\n" + armor.enarmor(data, "MESSAGE") + b"\r\n--b--\r\n"
    )


def multipart_signed(part: bytes, signature: bytes) -> bytes:
    """RFC 3156 section 5: the Content-Type field and the body."""
    return (
        b'Content-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="s"\r\n\r\n'
        b"--s\r\n"
        + part
        + b"\r\n--s\r\nContent-Type: application/pgp-signature; name=signature.asc\r\n\r\n"
        + armor.enarmor(signature, "SIGNATURE")
        + b"\r\n--s--\r\n"
    )


def inside(body: bytes, author: str = BOB, subject: str = "") -> bytes:
    """A payload as Thunderbird writes it."""
    subject = subject or f"Confidential matter {secrets.token_hex(8)}"
    head = (
        f'Content-Type: text/plain; charset=UTF-8; protected-headers="v1"\r\nFrom: {author}\r\nTo: {DR}\r\n'
        f"Subject: {subject}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return head.encode() + body


def mark(mail: Taken) -> dict[str, str]:
    """The elements of its one mark."""
    (field,) = headers.all(headers.split(mail.content), "x-pgp-relay")
    return dict(one.split("=", 1) for one in field.value.split("; "))
