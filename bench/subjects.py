"""What is measured: the relay with each engine as it runs at a site, and the bare pass-through.

A `Subject` runs until its block ends. A relay signs with ed25519, has a policy, writes its trace and its log (to a
file), and has a full store: real certificates (cv25519) of the recipients, and others that only fill it, made once for
all of them (`stocked`).
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pysequoia
from lab.ports import free_port
from lab.processes import Family
from lab.relay import PROGRAM, Relay
from lab.synthetic import certificate, entry
from load import HOST, KNOWN, PEOPLE, await_port

from relay.admin.key_import import Intake, survey
from relay.openpgp.examiner import GnuPGExaminer
from relay.store import Store

MEMORY = "16GiB"  # fifty messages of 20 MB at once find room, though smtp-source declares no size
SIGNER = "bench@hopital.example"
POLICY = [
    {"name": "internal", "to": ["*@hopital.example"], "encrypt": "never"},
    {"name": "urgent", "subject": ["*[urgent]*"], "encrypt": "required"},
    {"name": "everyone", "encrypt": "required"},
]


@dataclass(frozen=True)
class Subject:
    """A program under load."""

    name: str
    ports: dict[str, int]
    family: Family = field(compare=False)
    processes: int = 1


@contextmanager
def passthrough(onward: int, processes: int = 1, lmtp: int | None = None) -> Iterator[Subject]:
    """Aiosmtpd → aiosmtplib."""
    ports = {"lmtp": lmtp or free_port(), "smtp": free_port()}
    words = [f"--lmtp={ports['lmtp']}", f"--smtp={ports['smtp']}", f"--next={onward}", f"--processes={processes}"]
    with script("passthrough.py", *words, ports=ports.values()) as pid:
        yield Subject(f"pass-through, {_processes(processes)}", ports, Family(pid), processes)


@contextmanager
def script(name: str, *words: str, ports: Iterable[int]) -> Iterator[int]:
    """A program of this folder that listens there; its process."""
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name(name)), *words], stdout=subprocess.DEVNULL)
    try:
        for port in ports:
            await_port(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def relay(
    onward: int, engine: str, stock: Path, *, workers: int = 1, program: Sequence[str | Path] = ()
) -> Iterator[Subject]:
    """`pgp-relay serve`, or another program with its words."""
    with prepared(onward, engine, stock, workers=workers) as (running, ports):
        running.program = tuple(program) or running.program
        running.start()
        family = Family(running.pid, running.keyring)
        family.settle()
        yield Subject(f"relay, {engine}, {_workers(workers)}", ports, family, workers)


@contextmanager
def prepared(onward: int, engine: str, stock: Path, *, workers: int = 1) -> Iterator[tuple[Relay, dict[str, int]]]:
    """A relay with its keys and its store, not started yet, and the ports it will listen on."""
    ports = {"lmtp": free_port(), "smtp": free_port()}
    running = Relay(
        {
            "listen": [f"{scheme}://{HOST}:{port}" for scheme, port in ports.items()],
            "reinject": f"smtp://{HOST}:{onward}",
            "engine": engine,
            "workers": workers,
            "policy": POLICY,
            "memory": MEMORY,
            "log": {"level": "info", "format": "json"},
        }
    )
    with running:
        running.program = (PROGRAM,)
        running.run("keys", "generate", "Bench", SIGNER)
        shutil.copy(stock, running.keyring / "store.db")
        running.configure({**running.settings, "sign": {"default": SIGNER}})
        yield running, ports


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def stocked(folder: Path, certificates: int, people: int = PEOPLE) -> Path:
    """A store with so many certificates, those of the numbered recipients among them, which are real."""
    (folder / "keyring").mkdir(mode=0o700, parents=True)
    asyncio.run(_stock(folder / "keyring", certificates, people))
    return folder / "keyring" / "store.db"


async def _stock(folder: Path, count: int, people: int) -> None:
    """Real ones are imported with their verdicts; those that no mail is for need not be real."""
    names = [KNOWN, *(f"{number}{KNOWN}" for number in range(1, min(count, people)))]
    file = folder.parent / "certificates.pgp"
    file.write_bytes(b"".join(real(name) for name in names))
    async with await Store.open(folder / "store.db") as store:
        await imported(store, file)
        for start in range(len(names), count, 5000):
            batch = (certificate(f"n{n}", data=bytes(700) + b"%d" % n) for n in range(start, min(start + 5000, count)))
            await store.certificates.upsert([entry(one) for one in batch])


def real(address: str) -> bytes:
    """Ed25519 with a Curve25519 subkey."""
    return bytes(pysequoia.Tsk.generate(f"Person <{address}>").extract_certificate())


async def imported(store: Store, file: Path) -> None:
    async for _ in Intake(GnuPGExaminer(), store.certificates, actor="cli:root").run(survey([file])):
        pass
