"""What a command costs that is called many times a day, on a large store: processor time, without other processes'.

A slow machine has more of it: it is measured beside a program that only loads SQLAlchemy, pydantic and typer.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.relay import PROGRAM, Relay
from lab.sink import Sink
from lab.synthetic import certificate, entry

from relay.model import Record
from relay.store import Store

pytestmark = pytest.mark.timeout(600)

KEYS, HELD = 10_000, 1000
BUSY = "labo@ville.example"
DAY = 86400.0
GIVEN = 0.2
"""Seconds that loading these takes where the bounds were set."""
MORE = 2.0
"""How many times its bound a command may take before a test fails."""


@pytest.fixture(scope="module")
def relay() -> Iterator[Relay]:
    """One that runs, with keys of which every tenth has expired."""
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}"}) as made:
        made.keyring.mkdir(mode=0o700)
        asyncio.run(_with_keys(made.keyring / "store.db"))
        made.start()
        yield made


@pytest.fixture(scope="module", params=[50_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def traced(relay: Relay, request: pytest.FixtureRequest) -> Relay:
    """The same with so many rows of the trace, half of them of one recipient; some wait for a key since hours."""
    asyncio.run(_traced(relay.keyring / "store.db", request.param))
    return relay


async def _with_keys(file: Path) -> None:
    ends = int(time.time()) - 60
    async with await Store.open(file) as store:
        names = [f"person{number}" for number in range(KEYS)]
        made = [
            entry(certificate(name, f"{name}@ville.example", expires=None if number % 10 else ends))
            for number, name in enumerate(names)
        ]
        await store.certificates.upsert(made)


async def _traced(file: Path, rows: int) -> None:
    begin = time.time() - DAY / 2  # `held` lists what was tried within a day
    held = rows // 10 // HELD or 1  # a tenth are attempts at what waits

    def row(number: int) -> Record:
        waits = number % 10 == 0
        mail = number // 10 // held % HELD if waits else number
        to = f"new{mail}@ville.example" if waits else BUSY if number % 2 else f"person{number % KEYS}@ville.example"
        action, queue_id = ("hold", f"4H{mail:06X}") if waits else ("encrypt", f"4G{mail:06X}")
        names = ("dr.martin@hopital.example", to, action, "everyone", "", "", "", "250 2.0.0")
        return Record(begin + number * DAY / 2 / rows, f"id{number}", queue_id, f"<{queue_id}@x>", *names, 1000)

    async with await Store.open(file) as store:
        for at in range(0, rows, 5000):
            await store.trace.write([row(number) for number in range(at, min(rows, at + 5000))])


def cost(*command: str | Path, statuses: tuple[int, ...] = (0,)) -> tuple[float, str]:
    """Seconds of processor time that the cheapest of three calls took, and what it printed."""
    taken, out = [], ""
    for _ in range(3):
        before = os.times()
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        after = os.times()
        assert done.returncode in statuses, done.stderr
        taken.append(after.children_user + after.children_system - before.children_user - before.children_system)
        out = done.stdout
    return min(taken), out


def allowed(seconds: float) -> float:
    """On this machine, as it is now."""
    given, _ = cost(sys.executable, "-c", "import sqlalchemy, pydantic, typer")
    return seconds * max(1.0, given / GIVEN) * MORE


COMMANDS = {
    "--version": (0.3, 1),
    "status": (0.3, None),
    "check": (0.6, None),
    "keys list --expired": (0.5, KEYS // 10 + 1),
    "keys list person77@": (0.5, 2),
    "keys list --domain clinique.example": (0.5, 1),
}
OVER_THE_TRACE = {
    "held": (0.5, HELD + 1),
    f"trace --to {BUSY} --limit 20": (0.5, 21),
    "trace --to person7@ville.example --limit 5": (0.5, None),
    "trace --to nobody@x.example --limit 20": (0.5, 1),
    "trace --limit 20": (0.5, 21),
}


def _is_quick(relay: Relay, words: str, told: Callable[[str, object], None]) -> None:
    seconds, lines = (COMMANDS | OVER_THE_TRACE)[words]
    took, out = cost(PROGRAM, "-c", relay.file, *words.split(" "))
    told("counted", f"pgp-relay {words}: {took:.2f} s of processor time ({seconds} s wanted)")
    assert lines in {None, len(out.splitlines())}
    assert took <= seconds * MORE or took <= allowed(seconds)  # measured only where it decides: it takes seconds


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_took_one_to_two_and_a_half_seconds(
    relay: Relay, words: str, record_property: Callable[[str, object], None]
) -> None:
    _is_quick(relay, words, record_property)


@pytest.mark.parametrize("words", OVER_THE_TRACE)
def test_what_is_asked_of_a_long_trace_is_answered_at_once(
    traced: Relay, words: str, record_property: Callable[[str, object], None]
) -> None:
    _is_quick(traced, words, record_property)
