"""What the store costs; JSON on standard output.

`lookup`: microseconds for one address among 10 and among 100,000 certificates, read from the database and
remembered, and for the question whether the store has changed (`state`), which each mail asks. `ledger`, `trace`:
milliseconds and microseconds a row. `import`: 10,000 real certificates with their verdicts, in seconds, beside what
`gpg --show-keys` takes to print the same file (`--certificates N`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lab.certificates import make_certificates
from lab.synthetic import certificate, entry

from relay.admin.key_import import Intake, Outcome, survey
from relay.model import Address, Record
from relay.openpgp.examiner import GnuPGExaminer
from relay.store import Store

ROUNDS = 1000
CALLERS = 20
EACH = 100


async def main(certificates: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="pr", dir="/tmp") as folder:
        few, many = [await lookup(Path(folder), count) for count in (10, 100_000)]
        async with await Store.open(Path(folder, "rows.db")) as store:
            rows = {"ledger_record_ms": await ledger(store), **await trace(store)}
        return {
            "lookup_us": {"10": few, "100000": many, "ratio": round(many["read"] / few["read"], 2)},
            **rows,
            "import": await importing(Path(folder), certificates),
        }


async def lookup(folder: Path, count: int) -> dict[str, float]:
    async with await Store.open(folder / f"{count}.db") as store:
        for start in range(0, count, 5000):
            batch = (certificate(f"n{n}", data=bytes(1500) + b"%d" % n) for n in range(start, min(start + 5000, count)))
            await store.certificates.upsert([entry(one) for one in batch])
        addresses = [Address(f"n{n * 7919 % count}@example.org") for n in range(ROUNDS)]
        waiting = iter(addresses)
        cache = store.certificates._cache  # noqa: SLF001 - emptied between reads

        async def read() -> None:
            cache._answers.clear()  # noqa: SLF001 - as above
            assert await store.certificates.by_address(next(waiting))  # noqa: S101 - a benchmark of nothing is none

        result = {"read": await microseconds(read, ROUNDS), "state": await microseconds(store.tokens.renew, ROUNDS)}
        await store.certificates.by_address(addresses[0])
        result["remembered"] = await microseconds(lambda: store.certificates.by_address(addresses[0]), 10 * ROUNDS)
        return result


async def microseconds(work: Callable[[], Awaitable[object]], rounds: int) -> float:
    began = time.perf_counter()
    for _ in range(rounds):
        await work()
    return round((time.perf_counter() - began) / rounds * 1e6, 2)


async def ledger(store: Store) -> dict[str, float]:
    numbers = iter(range(1 << 30))
    alone = await microseconds(lambda: store.ledger.record(b"%d" % next(numbers), ["a@example.org"]), 300)

    async def caller() -> None:
        for _ in range(EACH):
            await store.ledger.record(b"%d" % next(numbers), ["a@example.org"])

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    together = (time.perf_counter() - began) / (CALLERS * EACH)
    return {"alone": round(alone / 1e3, 3), f"concurrency_{CALLERS}": round(together * 1e3, 3)}


async def trace(store: Store) -> dict[str, object]:
    def record(number: int) -> Record:
        return Record(
            time=1.8e9 + number,
            id=f"{number:012x}",
            queue_id="4ZxYw12345z9",
            message_id=f"<{number}.abcdef@mail.hopital.example>",
            sender=f"person{number % 300}@hopital.example",
            recipient=f"person{number % 2000}@example.org",
            action="encrypt",
            rule="everyone else",
            reason="key found: keyring",
            fingerprint="AB" * 20,
            signed_by="CD" * 20,
            reply="250 2.0.0",
            size=10_000,
        )

    async def caller(first: int) -> None:
        for number in range(first, first + EACH):
            await store.trace.write([record(number)])

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(n * EACH) for n in range(CALLERS)))
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    began = time.perf_counter()
    verdict = await store.trace.verify()
    return {
        "trace_us_a_record": {
            f"concurrency_{CALLERS}": round(wall / (CALLERS * EACH) * 1e6, 1),
            "cpu": round(cpu / (CALLERS * EACH) * 1e6, 1),
            "verify": round((time.perf_counter() - began) / verdict.checked * 1e6, 1),
        }
    }


async def importing(folder: Path, count: int, *, again: bool = True) -> dict[str, object]:
    """What importing them takes, and (`again`) what it takes when nothing has changed."""
    path = folder / "keys.pgp"
    path.write_bytes(b"".join(make_certificates(count)))
    home = folder / "home"
    home.mkdir(mode=0o700)
    command = ["gpg", "--homedir", str(home), "--batch", "--no-tty", "--with-colons", "--show-keys", str(path)]
    began = time.perf_counter()
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    shown = time.perf_counter() - began
    async with await Store.open(folder / "import.db") as store:
        intake = Intake(GnuPGExaminer(), store.certificates, actor="cli:root")
        walls = []
        for outcome in (Outcome.IMPORTED, Outcome.UNCHANGED)[: 1 + again]:
            began = time.perf_counter()
            fates = [result.outcome async for result in intake.run(survey([path]))]
            walls.append(time.perf_counter() - began)
            assert fates == [outcome] * count  # noqa: S101 - as above
    return {
        "certificates": count,
        "seconds": round(walls[0], 2),
        "again_unchanged_seconds": round(walls[1], 2) if again else None,
        "gpg_show_keys_seconds": round(shown, 2),
        "ratio": round(walls[0] / shown, 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--certificates", type=int, default=10_000)
    print(json.dumps(asyncio.run(main(parser.parse_args().certificates)), indent=2))
