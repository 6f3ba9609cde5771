"""Pictures of every page of the console, from the running program: `python -m lab.console_pictures FOLDER`.

With invented mails and keys, at 360 and 1440 pixels, light and dark, in both languages by turns.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab.browser import browser
from lab.certificates import make_keypair
from lab.console import Console, Visitor
from lab.relay import Relay
from relay.model import Entry, Origin, Record
from relay.store import Store
from relay.web.console.view import PAGES

if TYPE_CHECKING:  # only who makes pictures has it
    from playwright.sync_api import Browser

WIDTHS = (360, 1440)
PEOPLE = ("dr.martin", "accueil", "laboratoire", "radiologie")
OTHERS = ("cabinet.lefevre@ville.example", "dr.petit@clinique.example", "mairie@ville.example")
HOW = (("encrypt", "everyone else", "key found: keyring"),) * 6 + (
    ("clear", "inside the hospital", "the rule says never"),
    ("hold", "marked confidential", "no source has a key"),
    ("refuse", "everyone else", "the key has expired"),
    ("decrypt", "incoming", "decrypted"),
)


def main(folder: Path) -> None:
    """Write one picture a page, width and scheme."""
    folder.mkdir(parents=True, exist_ok=True)
    with Relay() as relay, Console(relay) as console:
        fill(relay)
        anne = console.logged_in("anne", "admin")
        console.invite("bruno", "desk")
        with browser() as started:
            _pictures(started, anne, console.port, folder)


def _pictures(started: Browser, anne: Visitor, port: int, folder: Path) -> None:
    shown = [(name, path) for name, path, _ in PAGES]
    shown += [
        ("message", "/messages/ID00001"),
        ("login", "/login"),
        ("explained", f"/explain?from=dr.martin@hopital.example&to={OTHERS[0]}"),
    ]
    for number, (name, path) in enumerate(shown):
        _picture(started, anne, f"http://127.0.0.1:{port}{path}", folder / f"console-{name}", number)


def _picture(started: Browser, visitor: Visitor, url: str, file: Path, number: int) -> None:
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            context = started.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if scheme == "dark" else "light",
                locale=("fr-FR", "en-GB")[number % 2],
                extra_http_headers={"Cookie": "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())},
            )
            page = context.new_page()
            page.goto(url)
            page.screenshot(path=f"{file}-{width}-{scheme}.png", full_page=True)
            context.close()


def fill(relay: Relay) -> None:
    """Two keys, one that is proposed, and the decisions of a day."""
    for address in OTHERS[:2]:
        relay.run("keys", "import", "-", content=make_keypair(f"<{address}>").public)
    asyncio.run(_filled(relay))


async def _filled(relay: Relay) -> None:
    chosen = random.Random(7)  # noqa: S311  invented mails
    pair = make_keypair(f"Mairie <{OTHERS[2]}>")
    relay.run("keys", "import", "-", content=pair.public)
    async with await Store.open(relay.keyring / "store.db") as store:
        await store.trace.write([_row(number, chosen) for number in range(240, 0, -1)])
        (entry,) = await store.certificates.search(pair.fingerprint)
        await store.certificates.remove(pair.fingerprint, actor="cli:root")
        proposed = Entry(entry.certificate, Origin.WKD, updated=int(time.time()), proposed=True)
        await store.certificates.upsert([proposed])


def _row(number: int, chosen: random.Random) -> Record:
    action, rule, reason = chosen.choice(HOW)
    sender, recipient = f"{chosen.choice(PEOPLE)}@hopital.example", chosen.choice(OTHERS)
    if action == "decrypt":
        sender, recipient = recipient, sender
    return Record(
        time=time.time() - number * 345,
        id=f"ID{number:05}",
        queue_id=f"4F{number:05X}",
        message_id=f"<{number}.{chosen.randrange(10**8)}@hopital.example>",
        sender=sender,
        recipient=recipient,
        action=action,
        rule=rule,
        reason=reason,
        fingerprint="" if action in {"clear", "hold"} else f"{chosen.getrandbits(160):040X}",
        signed_by="",
        reply="450 4.7.1" if action == "hold" else "250 2.0.0",
        size=chosen.randrange(2_000, 90_000),
        direction="in" if action == "decrypt" else "out",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
