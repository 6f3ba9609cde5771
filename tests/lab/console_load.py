"""A store as large as a hospital's after half a year: decisions of 180 days, and correspondents' keys."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

from lab.synthetic import certificate, entry
from relay.model import Entry, Origin, Record
from relay.store import Store

DAYS = 180
AT_ONCE = 20_000
KEYS_AT_ONCE = 2_000
NAMES = ("martin", "bernard", "petit", "durand", "leroy", "moreau", "lefevre", "garcia", "roux", "vincent", "fournier")
HOW = (*("encrypt",) * 12, "clear", "refuse", "decrypt", "pass", "defer")


def fill(place: Path, *, rows: int, keys: int) -> None:
    """Write them; the newest decision is of now."""
    asyncio.run(_fill(place, rows, keys))


async def _fill(place: Path, rows: int, keys: int) -> None:
    chosen = random.Random(1)  # noqa: S311  invented mails
    now = time.time()
    async with await Store.open(place) as store:
        for begin in range(0, keys, KEYS_AT_ONCE):
            numbers = range(begin, min(keys, begin + KEYS_AT_ONCE))
            await store.certificates.upsert([_key(number, now) for number in numbers], actor="cli:root")
        for begin in range(0, rows, AT_ONCE):
            numbers = range(begin, min(rows, begin + AT_ONCE))
            await store.trace.write(
                [_row(number, now - (rows - number) * DAYS * 86400 / rows, chosen) for number in numbers]
            )


def _key(number: int, now: float) -> Entry:
    address = f"{NAMES[number % len(NAMES)]}.{number}@d{number % 500}.example"
    ends = int(now) + 86400 * (number % 900 + 1) if number % 3 == 0 else None
    made = certificate(f"Dr {NAMES[number % 7].title()} {number}", address, expires=ends)
    return entry(made, origin=Origin.IMPORTED if number % 2 else Origin.WKD, proposed=number % 2000 == 0)


def _row(number: int, at: float, chosen: random.Random) -> Record:
    action = chosen.choice(HOW)
    return Record(
        time=at,
        id=f"{number:015X}",
        queue_id=f"4F{number:08X}",
        message_id=f"<{number}@hopital.example>",
        sender=f"dr{chosen.randrange(2000)}@hopital.example",
        recipient=f"{NAMES[number % len(NAMES)]}.{chosen.randrange(20_000)}@d{number % 500}.example",
        action=action,
        rule=chosen.choice(("inside", "confidential", "everyone")),
        reason="key found: keyring" if action == "encrypt" else "the rule says never",
        fingerprint=f"{number % 100_000:040X}" if action == "encrypt" else "",
        signed_by="",
        reply="250 2.0.0",
        size=chosen.randrange(2_000, 90_000),
    )
