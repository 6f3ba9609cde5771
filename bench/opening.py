"""What opening a mail of 10 KB costs, and making the certificates that it is encrypted to.

    python bench/opening.py [--rounds N] [--mails N] [--addresses N] [--makes N]

Ratios of processor time, the agent's included, rounds of both sides in turn:

- `sequoia`: decrypting and verifying, to signing and encrypting the same mail (at most 1.3);
- `gnupg`: decrypting and verifying, to `gpg --decrypt` with the same keys as a small keyring (at most 1.3);
- `addresses`: opening with GnuPG in a home with the secret keys of N own addresses, to one with ten (at most 1.05).

And seconds for each own certificate, made as in the background: 10,000 within 20 minutes (0.12 s each) with GnuPG,
within one (0.006 s each) with Sequoia.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lab.gnupghome import agent_of, gnupg_home, gpg
from lab.processes import spent

from relay.daemon.engines import EngineSettings
from relay.daemon.openers import OpenerSettings
from relay.model import Address, Certificate, Signer
from relay.model.opened import Entitled, Opened, Validity
from relay.model.own import OwnKey
from relay.openpgp import signing
from relay.openpgp.own import GnuPGKeyMaker
from relay.openpgp.sequoia import SequoiaExaminer, SequoiaKeyMaker
from relay.process import pool

MAIL = os.urandom(5 << 10).hex().encode()
DAY = 86400.0
MARTIN = Address("dr.martin@hopital.example")


@dataclass(frozen=True)
class Home:
    """A keyring folder with an organisation's key, which signs too, and an own address."""

    path: Path
    organisation: str
    public: bytes
    martin: OwnKey

    def maker(self, engine: str) -> GnuPGKeyMaker:
        make = GnuPGKeyMaker if engine == "gnupg" else SequoiaKeyMaker
        return make(self.path, self.organisation, self.public, None)

    def seconds(self) -> float:
        """Processor time of this process, of what it started, and of the agent."""
        mine, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        agent = agent_of(self.path)
        used = mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime
        return used + (spent(agent) if agent else 0.0)


@contextmanager
def home(addresses: int) -> Iterator[Home]:
    with gnupg_home() as path:
        yield asyncio.run(_home(path, addresses))


async def _home(path: Path, addresses: int) -> Home:
    made = await signing.generate_organisation(path, "Bench")
    public = await signing.export_binary(path, made.fingerprint)
    maker = SequoiaKeyMaker(path, made.fingerprint, public, None)
    (martin,) = await maker.make([MARTIN], 400 * DAY)
    if addresses > 1:
        await maker.make([Address(f"a{number}@hopital.example") for number in range(addresses - 1)], 400 * DAY)
    return Home(path, made.fingerprint, public, martin)


async def judged(blob: bytes) -> Certificate:
    (verdict,) = await SequoiaExaminer().examine([blob])
    if not isinstance(verdict, Certificate):
        sys.exit("a certificate cannot be read")
    return verdict


Work = Callable[[], Awaitable[None]]


class Bench:
    """One home's mails: so many different ones, for Sequoia remembers signatures that it has verified."""

    def __init__(self, home: Home, mails: int) -> None:
        self.home = home
        self.signer = asyncio.run(judged(home.public))
        self.recipient = asyncio.run(judged(home.martin.data))
        self.engine = EngineSettings("sequoia", home.path, 60.0, None).engine()
        self.messages = itertools.cycle([asyncio.run(self._encrypted()) for _ in range(mails)])
        self.openers = {kind: OpenerSettings(kind, home.path, 60.0, 1 << 26).opener() for kind in ("gnupg", "sequoia")}

    async def _encrypted(self) -> bytes:
        return await self.engine.encrypt(MAIL, [self.recipient], Signer(self.home.organisation))

    async def encrypt(self) -> None:
        await self._encrypted()

    def opens(self, kind: str) -> Work:
        async def work() -> None:
            found = await self.openers[kind].open(next(self.messages), Entitled((self.home.martin,)), [self.signer])
            if not isinstance(found, Opened) or found.content != MAIL or not found.signatures:
                sys.exit("the mail does not open")
            if found.signatures[0].validity is not Validity.GOOD:
                sys.exit("the mail does not open")

        return work

    async def raw(self) -> None:
        keyring = self.home.path / "small.pgp"
        keyring.write_bytes(self.home.martin.data + self.home.public)
        words = ("--no-default-keyring", "--keyring", str(keyring), "--trust-model", "always", "--lock-never")
        gpg(self.home.path, *words, "--decrypt", content=next(self.messages))

    def cpu_ms(self, work: Work, mails: int) -> float:
        async def all_of_them() -> None:
            for _ in range(mails):
                await work()

        before = self.home.seconds()
        asyncio.run(all_of_them())
        return (self.home.seconds() - before) / mails * 1000


Side = tuple[Bench, Work]


def ratio(rounds: int, mails: int, ours: Side, base: Side) -> dict[str, float]:
    """Both in turn, and the middle of each; the first round warms up."""
    times = [[bench.cpu_ms(work, mails) for bench, work in (ours, base)] for _ in range(rounds + 1)][1:]
    mine, theirs = (statistics.median(side) for side in zip(*times, strict=True))
    return {"ratio": round(mine / theirs, 3), "cpu_ms": round(mine, 3), "base_cpu_ms": round(theirs, 3)}


def making(home: Home, engine: str, count: int) -> dict[str, float]:
    addresses = [Address(f"m{number}@hopital.example") for number in range(count)]
    begun = time.perf_counter()
    for at in range(0, count, 200):
        asyncio.run(home.maker(engine).make(addresses[at : at + 200], 400 * DAY))
    return {"certificates": count, "seconds_each": round((time.perf_counter() - begun) / count, 5)}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--mails", type=int, default=100)
    options.add_argument("--addresses", type=int, default=20_000)
    options.add_argument("--makes", type=int, default=200)
    chosen = options.parse_args()
    tempfile.tempdir = "/tmp"  # noqa: S108  short paths for the agent
    with home(10) as few, home(chosen.addresses) as many:
        small, large = Bench(few, chosen.mails * 5 * (chosen.rounds + 1)), Bench(many, 1)
        told = {
            "sequoia": ratio(chosen.rounds, chosen.mails * 5, (small, small.opens("sequoia")), (small, small.encrypt)),
            "gnupg": ratio(chosen.rounds, chosen.mails, (small, small.opens("gnupg")), (small, small.raw)),
            "addresses": ratio(
                chosen.rounds, chosen.mails, (large, large.opens("gnupg")), (small, small.opens("gnupg"))
            ),
            "makes with gnupg": making(few, "gnupg", chosen.makes),
            "makes with sequoia": making(few, "sequoia", chosen.makes * 10),
        }
    pool.stop()
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
