"""Pictures of every page of the console, from the running program: `python -m lab.console_pictures FOLDER [DOCS]`.

DOCS (`docs/pictures`) gets those few that the documentation shows.

With invented mails and keys, at 360 and 1440 pixels, light and dark, in English and French.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lab.browser import browser
from lab.certificates import make_keypair
from lab.console import Console, Visitor
from lab.relay import Relay
from relay.model import Entry, Origin, Record
from relay.model.incoming import RULE
from relay.store import Store
from relay.web.console.view import MENU

if TYPE_CHECKING:  # only who makes pictures has it
    from playwright.sync_api import Browser

WIDTHS = (360, 1440)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
KEPT = (
    *("today-en-1440-light", "today-fr-1440-dark", "today-en-360-light", "keys-fr-360-dark"),
    *("message-en-1440-light", "proposals-en-1440-light"),
)
PEOPLE = ("dr.martin", "accueil", "laboratoire", "radiologie")
OTHERS = ("cabinet.lefevre@ville.example", "dr.petit@clinique.example", "mairie@ville.example")
HOW = (
    *(("encrypt", "everyone else", "key found: keyring"),) * 18,
    *(("clear", "inside the hospital", "the rule says never"),) * 4,
    ("hold", "marked confidential", "no key is known"),
    ("refuse", "everyone else", "the key has expired"),
    *(("decrypt", RULE, "signature none"),) * 3,
)
TALLEST = 2400
"""Pixels of a picture: a list goes on below."""


POLICY = [
    {"name": "inside the hospital", "to": ["*@hopital.example"], "encrypt": "never"},
    {"name": "marked confidential", "subject": "[confidentiel]", "encrypt": "required", "without_key": "hold"},
    {"name": "the old laboratory", "to": ["*@labo-ancien.example"], "encrypt": "required"},
    {"name": "everyone else", "encrypt": "preferred"},
]


def main(folder: Path) -> None:
    """Write one picture a page, width, scheme and language."""
    folder.mkdir(parents=True, exist_ok=True)
    with Relay({"policy": POLICY}) as relay, Console(relay) as console:
        fill(relay)
        anne = console.logged_in("anne", "admin")
        console.invite("bruno", "desk")
        relay.start()
        with browser() as started:
            for language in ("en", "fr"):
                _pictures(started, anne, console, folder, language)


def _pictures(started: Browser, anne: Visitor, console: Console, folder: Path, language: str) -> None:
    shown = [(name, path) for name, path, _ in MENU]
    shown += [
        ("message", "/messages/ID00001"),
        ("login", "/login"),
        ("absent", "/nothing"),
        ("nothing", "/messages?text=nobody@ville.example"),
        ("key", f"/keys/{_fingerprint(console.relay)}"),
        ("verified", "/audit?verify=1"),
        ("explained", f"/explain?from=dr.martin@hopital.example&to={OTHERS[0]}"),
    ]
    for name, path in shown:
        url = f"http://127.0.0.1:{console.port}{path}{'&' if '?' in path else '?'}lang={language}"
        _picture(started, {} if name == "login" else anne.cookies, url, folder / f"console-{name}-{language}")


def _picture(started: Browser, cookies: Mapping[str, str], url: str, file: Path) -> None:
    for width in WIDTHS:
        for scheme in SCHEMES:
            context = started.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,
                extra_http_headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
            )
            page = context.new_page()
            page.goto(url)
            tall = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
            page.set_viewport_size({"width": width, "height": max(900, tall)})
            page.screenshot(path=f"{file}-{width}-{scheme}.png")
            context.close()


def _fingerprint(relay: Relay) -> str:
    """Of the first key."""
    found = json.loads(relay.run("keys", "list", "--json").stdout.splitlines()[0])
    return str((found[0] if isinstance(found, list) else found)["fingerprint"])


def fill(relay: Relay) -> None:
    """Keys, one of which ends soon and one of which is bound, two that are proposed, and the decisions of a day."""
    for address in OTHERS[:2]:
        relay.run("keys", "import", "-", content=make_keypair(f"<{address}>").public)
    gateway = make_keypair("Passerelle <passerelle@clinique.example>")
    relay.run("keys", "import", "-", content=gateway.public)
    relay.run("keys", "bind", "*@clinique.example", gateway.fingerprint)
    asyncio.run(_filled(relay))


async def _filled(relay: Relay) -> None:
    chosen = random.Random(7)  # noqa: S311  invented mails
    relay.run("keys", "import", "-", "--propose", content=make_keypair(f"Mairie <{OTHERS[2]}>").public)
    pair = make_keypair(f"Cabinet Lefèvre <{OTHERS[0]}>")
    relay.run("keys", "import", "-", content=pair.public)
    async with await Store.open(relay.keyring / "store.db") as store:
        await store.trace.write([_row(number, chosen) for number in range(240, 0, -1)])
        (entry,) = await store.certificates.search(pair.fingerprint)
        await store.certificates.remove(pair.fingerprint, actor="cli:root")
        await store.certificates.upsert([Entry(entry.certificate, Origin.WKD, updated=int(time.time()), proposed=True)])


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


def keep(folder: Path, docs: Path) -> None:
    """Copy what the documentation shows."""
    for name in KEPT:
        shutil.copy(folder / f"console-{name}.png", docs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        keep(Path(sys.argv[1]), Path(sys.argv[2]))
