"""What encryption with GnuPG does not cost: waiting for locks, threads, files, a call for each recipient."""

from __future__ import annotations

import asyncio
import gc
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.certificates import make_keypair
from lab.client import Client
from lab.gnupghome import gnupg_home, gnupg_keypair, secret_key
from lab.nexthop import ScriptedHop
from lab.relay import Relay
from lab.waiting import until

from relay.model import Certificate, Signer
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG

AT_ONCE = 8
CALLS = 96
ROUNDS, MOST_SPREAD = 3, 3.0
PAYLOAD = b"Content-Type: text/plain\r\n\r\n" + b"The findings, line by line.\r\n" * 350

COUNTING = """\
#!/bin/sh
case "$*" in *--encrypt*) echo x >> {calls} ;; esac
exec {real} "$@"
"""


@pytest.fixture(scope="module")
def home() -> Iterator[tuple[Path, str]]:
    with gnupg_home() as path:
        yield path, secret_key(path)


@pytest.fixture(scope="module")
def octets() -> bytes:
    return gnupg_keypair("Bob <bob@example.org>").public


async def judged(octets: bytes) -> list[Certificate]:
    (verdict,) = await GnuPGExaminer().examine([octets])
    assert isinstance(verdict, Certificate)
    return [verdict]


async def seconds(engine: GnuPG, certificates: list[Certificate], signer: Signer) -> list[float]:
    """Of each of many calls, so many at a time."""
    left = iter(range(CALLS))
    taken: list[float] = []

    async def one_after_the_other() -> None:
        for _ in left:
            begun = time.perf_counter()
            await engine.encrypt(PAYLOAD, certificates, signer)
            taken.append(time.perf_counter() - begun)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return taken


@pytest.mark.alone
async def test_calls_at_the_same_time_do_not_stall_each_other(home: tuple[Path, str], octets: bytes) -> None:
    """The 99th of a hundred takes less than three times the median; GnuPG's own locks made it wait for seconds.

    In one of three hundreds: the machine stalls some of them, GnuPG's locks stall all.
    """
    certificates = await judged(octets)
    engine = GnuPG(home[0], parallel=AT_ONCE)
    rounds = [await seconds(engine, certificates, Signer(home[1]))]
    while _spread(rounds[-1]) >= MOST_SPREAD and len(rounds) < ROUNDS:
        rounds.append(await seconds(engine, certificates, Signer(home[1])))

    assert _spread(rounds[-1]) < MOST_SPREAD, [sorted(taken) for taken in rounds]


def _spread(taken: list[float]) -> float:
    """The 99th of a hundred, by the median."""
    return statistics.quantiles(taken, n=100, method="inclusive")[98] / statistics.median(taken)


def descriptors() -> int:
    """How many are open."""
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.usefixtures("pidfd")
async def test_encryption_makes_no_file_and_no_thread(
    home: tuple[Path, str], octets: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = await judged(octets)
    gc.collect()  # what other tests have left
    engine = GnuPG(home[0])
    await engine.encrypt(PAYLOAD, certificates, Signer(home[1]))  # the agent runs now
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    changed = [folder.stat().st_mtime_ns for folder in (home[0], tmp_path)]
    open_files, threads = descriptors(), threading.active_count()
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, threading.active_count())
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(engine.encrypt(PAYLOAD, certificates, Signer(home[1])) for _ in range(AT_ONCE)))
    watching.cancel()

    assert most <= threads
    await until(lambda: descriptors() <= open_files)  # asyncio closes its own a turn later
    assert [folder.stat().st_mtime_ns for folder in (home[0], tmp_path)] == changed


async def test_one_call_encrypts_for_all_who_are_named(tmp_path: Path) -> None:
    people = [f"person{number}@ville.example" for number in range(5)]
    calls = tmp_path / "calls"
    program = tmp_path / "bin" / "gpg"
    program.parent.mkdir()
    program.write_text(COUNTING.format(calls=calls, real=shutil.which("gpg")))
    program.chmod(0o755)
    content = f"From: a@hopital.example\r\nTo: {', '.join(people)}\r\nSubject: x\r\n\r\nBonjour\r\n".encode()
    async with ScriptedHop() as hop:
        with Relay({"reinject": hop.url, "policy": [{"name": "all", "encrypt": "required"}]}) as relay:
            relay.path = f"{program.parent}:{relay.path}"
            keys = b"".join(make_keypair(f"<{address}>").public for address in people)
            await asyncio.to_thread(relay.run, "keys", "import", "-", content=keys)
            await asyncio.to_thread(relay.start)
            async with Client(f"lmtp://127.0.0.1:{relay.port}") as client:
                await client.hello()
                replies = await client.send("a@hopital.example", people, content)
            await asyncio.to_thread(relay.stop)

    assert {reply[:3] for reply in replies} == {"250"}
    assert [len(message.rcpts) for message in hop.messages] == [5]
    assert calls.read_text() == "x\n"
