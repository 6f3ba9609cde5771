"""`pgp-relay demo`: one mail through a real relay in a temporary folder, shown at each station.

The relay runs as its own process with its defaults (SQLite, a GnuPG home, SMTP in and out); the mail is sent
to it with SMTP, caught behind it, and decrypted with the key of a recipient made for the occasion. Nothing
stays behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_network
from pathlib import Path

from rich.panel import Panel

from relay.cli.context import fail, out
from relay.model import Inbound, Reply
from relay.replies import delivered
from relay.smtp.inlet import Inlet

DOCTOR = "dr.martin@hopital.example"
COLLEAGUE = "cabinet.lefevre@ville.example"
READY_WITHIN = 20.0


def demo() -> None:
    """Send one French mail with an attachment through a relay: as sent, as received, as decrypted."""
    asyncio.run(_demo())


async def _demo() -> None:
    with _folder() as folder:
        step("A recipient makes a key pair, in a home of their own.")
        recipient = Recipient.make(folder / "r")
        async with sink() as (port, caught):
            config = _configure(folder, port)
            step("The relay gets a signing key, and the recipient's public key is imported.")
            signer = _pgp_relay(config, "keys", "generate", "Relais", "relais@hopital.example")
            _configure(folder, port, signer.split("\n", 1)[0])
            _pgp_relay(config, "keys", "import", str(recipient.public))
            recipient.learn(signer.split("\n", 1)[1])
            step("The relay starts: `pgp-relay serve`.")
            async with _relay(config) as relay_port:
                mail = letter()
                show("As the doctor's client sends it", mail.as_bytes())
                await asyncio.to_thread(_send, relay_port, mail)
                received = await asyncio.wait_for(caught.get(), READY_WITHIN)
                show("As it leaves the hospital", received.content)
                show("As its recipient reads it", _readable(recipient.decrypt(received.content)))
            step("The relay has stopped; nothing is left running, and the folder is removed.")


def step(text: str) -> None:
    """Tell what happens next."""
    out.print(f"\n[bold]▸[/bold] {text}")


def show(title: str, content: bytes) -> None:
    """A mail as text; long base64 is cut."""
    lines = content.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    text = "\n".join(lines if len(lines) <= 45 else [*lines[:36], f"… {len(lines) - 42} lines …", *lines[-6:]])
    out.print(Panel(text.replace("[", r"\["), title=title, title_align="left", expand=False))


def letter() -> EmailMessage:
    """What the doctor writes."""
    mail = EmailMessage(policy.SMTP)
    mail["From"] = f"Dr Hélène Martin <{DOCTOR}>"
    mail["To"] = f"Cabinet Lefèvre <{COLLEAGUE}>"
    mail["Subject"] = "Résultats d'analyse de Mme Dupré"
    mail["Date"] = "Tue, 24 Nov 2026 09:12:00 +0100"
    mail["Message-ID"] = "<demo@hopital.example>"
    mail.set_content(
        "Cher confrère,\n\nla glycémie à jeun est revenue élevée, voir la pièce jointe.\n\nÀ bientôt,\nHélène Martin\n"
    )
    mail.add_attachment("examen;valeur;unité\nglycémie;1,42;g/l\n", filename="résultats.csv", subtype="csv")
    return mail


@dataclass(frozen=True, slots=True)
class Recipient:
    """Someone outside, with gpg."""

    home: Path
    public: Path

    @classmethod
    def make(cls, home: Path) -> Recipient:
        """A new key pair."""
        home.mkdir(mode=0o700)
        self = cls(home, home / "public.asc")
        self._gpg("--passphrase", "", "--quick-generate-key", f"Cabinet Lefèvre <{COLLEAGUE}>", "future-default")
        self._gpg("--output", str(self.public), "--armor", "--export", COLLEAGUE)
        return self

    def learn(self, key: str) -> None:
        """Get to know the relay's key, to check its signatures."""
        self._gpg("--import", given=key.encode())

    def decrypt(self, mail: bytes) -> bytes:
        """What is inside, once gpg has found the signature good."""
        begin = mail.index(b"-----BEGIN PGP MESSAGE-----")
        done = self._gpg("--status-fd", "2", "--decrypt", given=mail[begin : mail.index(b"-----END", begin) + 29])
        if b"GOODSIG" not in done.stderr:
            fail("the signature is not good")
        return done.stdout

    @property
    def _command(self) -> list[str]:
        return ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--no-tty", "--trust-model", "always"]

    def _gpg(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(  # noqa: S603  fixed arguments, no shell
            [*self._command, *arguments],
            input=given,
            capture_output=True,
            check=True,
            timeout=60,
        )


@asynccontextmanager
async def sink() -> AsyncIterator[tuple[int, asyncio.Queue[Inbound]]]:
    """A next hop that takes everything."""
    caught: asyncio.Queue[Inbound] = asyncio.Queue()

    async def take(inbound: Inbound) -> tuple[Reply, ...]:
        await caught.put(inbound)
        return tuple(delivered(inbound.id) for _ in inbound.envelope.recipients)

    async def answered(_inbound: Inbound, _delivered: bool) -> None:  # noqa: FBT001  the inlet's hook
        pass

    inlet = Inlet(take, answered, hostname="sink.example", allow=(ip_network("127.0.0.0/8"),))
    (address,) = await inlet.start("smtp://127.0.0.1:0")
    try:
        yield int(address.rpartition(":")[2]), caught
    finally:
        await inlet.stop(5)


@asynccontextmanager
async def _relay(config: Path) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", "-c", str(config), "serve", stderr=asyncio.subprocess.PIPE
    )
    try:
        yield await asyncio.wait_for(_ready(process), READY_WITHIN)
    finally:
        process.terminate()
        await process.communicate()


async def _ready(process: asyncio.subprocess.Process) -> int:
    """The port it listens on, which its first log line names."""
    if process.stderr is None:
        raise TypeError("it was opened with a pipe")
    while line := await process.stderr.readline():
        if b'"event": "ready"' in line:
            return int(json.loads(line)["listen"][0].rpartition(":")[2])
    return fail("the relay did not start")


def _configure(folder: Path, next_hop: int, signer: str | None = None) -> Path:
    path = folder / "config.yaml"  # JSON is YAML
    settings = {
        "listen": [f"smtp://127.0.0.1:{_free_port()}"],
        "reinject": f"smtp://127.0.0.1:{next_hop}",
        "keyring": "keyring",
        "sign": {"default": signer},
        "policy": [{"name": "everyone", "encrypt": "required"}],
        "log": {"format": "json"},
    }
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _pgp_relay(config: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "relay", "-c", str(config), *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=60, text=True).stdout  # noqa: S603  ourselves


def _send(port: int, mail: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.send_message(mail, DOCTOR, [COLLEAGUE])


def _readable(payload: bytes) -> bytes:
    mail = message_from_bytes(payload, policy=policy.default)
    body = mail.get_body()
    attachments = ", ".join(part.get_filename() or "" for part in mail.iter_attachments())
    text = body.get_content() if body else ""
    return f"Subject: {mail['Subject']}\nAttachments: {attachments}\nSignature: good\n\n{text}".encode()


@contextmanager
def _folder() -> Iterator[Path]:
    """Short, because gpg-agent's socket lies in it; private; gone afterwards, and the agents with it."""
    folder = Path(tempfile.mkdtemp(prefix="pgp-relay-"))
    try:
        yield folder
    finally:
        for home in (folder / "r", folder / "keyring"):
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, env=dict(os.environ))  # noqa: S603, S607  fixed arguments
        shutil.rmtree(folder)
