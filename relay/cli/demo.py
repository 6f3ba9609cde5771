"""`pgp-relay demo`: one mail through a real relay in a temporary folder, shown at each stage.

The relay runs as its own process with its defaults (SQLite, a GnuPG home, SMTP in and out); the mail is sent to it
with SMTP, caught behind it, and decrypted with the key of a recipient made for the occasion. Nothing stays behind.
Needs gpg and nothing else: no configuration, no network, no root.
"""

from __future__ import annotations

import asyncio
import json
import smtplib
from email.message import EmailMessage
from pathlib import Path

from relay.cli.context import run
from relay.cli.demo_correspondent import COLLEAGUE, DOCTOR, RELAY, Recipient, letter, read
from relay.cli.demo_environment import READY_WITHIN, folder, free_port, pgp_relay, serving, sink
from relay.cli.output import cut, say, say_beside

MOST_LINES = 40
QUOTED = "  │ "
"""Before each line of what was printed."""
_ROUTE = ("--from", DOCTOR, "--to", COLLEAGUE)


def demo() -> None:
    """Send one mail through a relay, and show it at each stage.

    It is shown as sent, as it leaves the relay, and as its recipient reads it. Everything happens in a temporary
    folder with temporary keys; nothing is left behind.

    $ pgp-relay demo
    """
    run(_demo())


async def _demo() -> None:
    step(
        "This demo has a hospital's relay, a doctor inside and a colleague outside. "
        "All of it runs in a temporary folder on this machine."
    )
    with folder() as place:
        async with sink() as (port, caught):
            recipient, config = await asyncio.to_thread(_prepare, place, port)
            step("The relay starts: pgp-relay serve. At a site Postfix hands it mail; here the doctor's client does.")
            async with serving(config) as relay_port:
                mail = letter()
                show("1. As the doctor's client sends it", mail.as_bytes())
                await asyncio.to_thread(_send, relay_port, mail)
                received = await asyncio.wait_for(caught.get(), READY_WITHIN)
                show(
                    "2. As it leaves the hospital: neither its text nor its subject can be read",
                    received.content,
                )
                clear = await asyncio.to_thread(recipient.decrypt, received.content)
                show(
                    "3. As its recipient reads it, with gpg; the relay's signature is good",
                    read(clear).encode(),
                )
            await asyncio.to_thread(_look_back, config)
    step(
        "The relay has stopped, nothing is left running, and the folder is deleted. "
        "README.md says how to install the relay beside your Postfix."
    )


def _prepare(place: Path, next_hop: int) -> tuple[Recipient, Path]:
    step("The colleague makes a key pair with gpg, and gives away the public half.")
    recipient = Recipient.make(place / "correspondent")
    config = _configure(place, next_hop)
    step(f'The relay gets a key to sign with: pgp-relay keys generate "Relais" {RELAY}')
    fingerprint, _, public = pgp_relay(config, "keys", "generate", "Relais", RELAY).partition("\n")
    recipient.learn(public)
    _configure(place, next_hop, fingerprint)
    step(f"The administrator imports the colleague's public key: pgp-relay keys import {recipient.public.name}")
    quote(pgp_relay(config, "keys", "import", str(recipient.public)).replace(f"{recipient.public.parent}/", ""))
    step(f"… and asks what would happen to a mail: pgp-relay explain {' '.join(_ROUTE)}")
    quote(pgp_relay(config, "explain", *_ROUTE))
    return recipient, config


def _look_back(config: Path) -> None:
    step("The trace of this mail, which has no content: pgp-relay trace --json")
    quote(json.dumps(json.loads(pgp_relay(config, "trace", "--json")), indent=2, ensure_ascii=False))


def step(text: str) -> None:
    """Tell what happens next."""
    say()
    say_beside((("▸ ", "bold"),), text, "bold")


def quote(text: str) -> None:
    """Tell what was printed; long texts are cut in the middle."""
    lines = text.rstrip("\n").split("\n")
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 9], f"… {len(lines) - MOST_LINES + 1} lines more …", *lines[-8:]]
    for line in lines:
        for piece in cut(line, QUOTED, "    "):
            say(f"{QUOTED}{piece}")


def show(title: str, content: bytes) -> None:
    """A mail as text."""
    say()
    say((title, "bold green"))
    quote(content.decode("utf-8", "replace").replace("\r\n", "\n"))


def _configure(place: Path, next_hop: int, signer: str | None = None) -> Path:
    path = place / "config.yaml"  # JSON is YAML
    settings = {
        "listen": [f"smtp://127.0.0.1:{free_port()}"],
        "reinject": f"smtp://127.0.0.1:{next_hop}",
        "hostname": "relay.hopital.example",
        "keyring": "keyring",
        "sign": {"default": signer},
        "lookup": {"sources": ["keyring"]},
        "policy": [{"name": "everyone", "encrypt": "required"}],
        "log": {"format": "json"},
    }
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


def _send(port: int, mail: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.send_message(mail, DOCTOR, [COLLEAGUE])
