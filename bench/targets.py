"""The targets: each a ratio of two things measured in turns in this run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiosmtplib
import bothsides
import coming_in
import large_beside_small
import load
import pysequoia
import rooms
import store
import subjects
from lab.ports import free_port
from lab.processes import Family
from plan import LARGE, MIDDLE, SMALL, Plan
from rawgpg import PlainGpg, RawGpg
from target import TARGETS, target, turns

ENGINES = ("gnupg", "sequoia")
SESSIONS = 10
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Bench:
    """What is there to measure with."""

    plan: Plan
    folder: Path
    stock: Path
    programs: Mapping[str, subjects.Subject]
    """By name."""
    sink: int
    say: Callable[[str], None]

    def relay(self, engine: str) -> subjects.Subject:
        """With one worker."""
        return self.programs[f"relay, {engine}, 1 worker"]


def measure(bench: Bench, result: dict[str, Any]) -> None:
    """All of them, with what they were made of."""
    plan = bench.plan
    rows = result["targets"] = [
        target(f"memory-{row['program'].split(', ')[1]}", row["times_its_size"])
        for row in result["memory"]
        if _single(row)
    ]
    result["raw_gpg"] = raw_gpg(bench.folder, plan)
    for each in _measures(bench):
        rows.append(each())
        bench.say(str(rows[-1]["key"]))
    rows += rooms.measures(plan, bench.relay("sequoia"), bench.programs["pass-through, 1 process"], cpu_ms)
    bench.say("the parts of a small mail")
    for some in coming_in.measures(plan):
        rows += some()
        bench.say(str(rows[-1]["key"]))
    result["postfix"] = both_sides(bench.stock, plan) if plan.rounds > 1 else []
    rows += [
        target(f"postfix-{row['program']}", row["ratio"])
        for row in result["postfix"]
        if row["size"] == SMALL and _ours(row)
    ]
    bench.say("Postfix on both sides")
    engines = ENGINES if plan.rounds > 2 else ()
    result["large_beside_small"] = [large_beside_small.measure(engine, 2, 150) for engine in engines]
    rows += [target(f"large-{row['engine']}", float(str(row["ratio_p99"]))) for row in result["large_beside_small"]]
    rows.sort(key=lambda row: list(TARGETS).index(str(row["key"])))


def _measures(bench: Bench) -> Iterator[Callable[[], dict[str, object]]]:
    yield partial(gnupg_over_raw, bench)
    if 2 in bench.plan.workers:
        yield partial(two_workers, bench)
    if LARGE in bench.plan.sizes:
        yield partial(large_wall, bench)
    yield partial(store_size, bench.folder, bench.plan)
    yield from (partial(fifty_recipients, bench, engine) for engine in ENGINES)
    yield partial(importing, bench.folder, bench.plan)
    yield partial(inlet, bench.plan)


def cpu_ms(program: subjects.Subject, mails: int, *, size: int = SMALL, sessions: int = SESSIONS) -> float:
    before = program.family.seconds()
    run = load.run(program.ports["lmtp"], lmtp=True, size=size, sessions=sessions, mails=mails)
    return (program.family.seconds() - before) / (run.mails + run.extra) * 1000


def raw_gpg(folder: Path, plan: Plan) -> list[dict[str, float]]:
    """Gpg alone, at each size."""
    raw, rows = RawGpg(folder / "raw", subjects.real(load.KNOWN)), []
    try:
        for size in plan.sizes:
            calls = max(2, int(plan.seconds * 60)) if size == SMALL else 3
            rows.append({"size": size, **{k: round(v, 2) for k, v in raw.run(_content(folder, size), calls).items()}})
    finally:
        raw.close()
    return rows


def _content(folder: Path, size: int) -> Path:
    file = folder / f"content-{size}"
    file.write_bytes(b"Content-Type: text/plain\r\n\r\n" + (b"X" * 78 + b"\r\n") * (size // 80))
    return file


def gnupg_over_raw(bench: Bench) -> dict[str, object]:
    """The same call as the relay's, and the plain one."""
    mails = max(5, int(50 * bench.plan.seconds))
    certificate = subjects.real(load.KNOWN)
    with ExitStack() as stack:
        raw, plain = (
            stack.enter_context(closing(kind(bench.folder / f"again-{kind.__name__}", certificate)))
            for kind in (RawGpg, PlainGpg)
        )
        content = _content(bench.folder, SMALL)
        ours, theirs, verifying = turns(
            bench.plan.turns,
            partial(cpu_ms, bench.relay("gnupg"), mails),
            lambda: raw.run(content, mails)["cpu_ms"],
            lambda: plain.run(content, mails)["cpu_ms"],
        )
    parts = {"relay_cpu_ms": ours, "gpg_cpu_ms": theirs, "plain_gpg_cpu_ms": verifying}
    return target("gnupg-raw", ours / theirs, **{name: round(value, 2) for name, value in parts.items()})


def two_workers(bench: Bench) -> dict[str, object]:
    """Mails a second, ten sessions, LMTP."""
    names, pace = ("relay, sequoia, 2 workers", "pass-through, 2 processes"), dict[str, float]()

    def rate(name: str) -> float:
        mails = bench.plan.mails(SMALL, SESSIONS, pace.get(name, 0))
        run = load.run(bench.programs[name].ports["lmtp"], lmtp=True, size=SMALL, sessions=SESSIONS, mails=mails)
        pace[name] = run.mails / run.seconds
        return pace[name]

    ours, theirs = turns(bench.plan.turns, *(partial(rate, name) for name in names))
    return target("workers", ours / theirs, relay=round(ours, 1), pass_through=round(theirs, 1))


def both_sides(stock: Path, plan: Plan) -> list[dict[str, Any]]:
    rows = []
    for size, mails in ((SMALL, max(10, int(60 * plan.seconds))), (MIDDLE, 20), (LARGE, 4)):
        if size in plan.sizes and size * bothsides.SESSIONS <= plan.at_once:
            rounds = plan.rounds if size == SMALL else 1
            rows += bothsides.measure(stock, size=size, rounds=rounds, mails=mails, seconds=3 * plan.seconds)
    return rows


def _ours(row: Row) -> bool:
    return bool(row["program"] != bothsides.PASSTHROUGH)


def _single(row: Row) -> bool:
    program: str = row["program"]
    return program.startswith("relay") and program.endswith("1 worker")


def large_wall(bench: Bench) -> dict[str, object]:
    """The relay's wall time beside that of its three parts, each alone.

    aiosmtplib's `sendmail` searches the message line by line, which the relay does not: the parts are told with a bare
    socket in its place as well.
    """
    content = _content(bench.folder, LARGE).read_bytes()
    key = pysequoia.Tsk.generate("Alone <alone@ville.example>")
    certificate, signer = key.extract_certificate(), key.signer()

    def encrypt() -> bytes:
        return bytes(pysequoia.encrypt(content, recipients=[certificate], signer=signer, armor=True))

    encrypted = encrypt().replace(b"\n", b"\r\n")
    probe = load.Probe(bench.sink, lmtp=False, size=0)
    send = partial(load.source, size=LARGE)
    whole, *both, slow, plain = turns(
        bench.plan.turns,
        lambda: send(bench.relay("sequoia").ports["lmtp"], lmtp=True),
        lambda: send(bench.sink, lmtp=False),
        lambda: _seconds(encrypt),
        lambda: asyncio.run(_sent(bench.sink, encrypted)),
        lambda: _seconds(partial(probe.send, load.KNOWN, encrypted, b".\r\n")),
    )
    names = ("receive_s", "encrypt_s", "send_s", "send_plain_s")
    return target(
        "large",
        whole / (sum(both) + slow),
        over_parts_with_a_bare_socket=round(whole / (sum(both) + plain), 2),
        relay_s=round(whole, 3),
        **dict(zip(names, (round(part, 3) for part in (*both, slow, plain)), strict=True)),
    )


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


async def _sent(port: int, message: bytes) -> float:
    async with aiosmtplib.SMTP(hostname=load.HOST, port=port, start_tls=False) as client:
        begun = time.perf_counter()
        await client.sendmail(load.SENDER, [load.KNOWN], message)
        return time.perf_counter() - begun


def store_size(folder: Path, plan: Plan) -> dict[str, object]:
    """One recipient, whose certificate both have.

    Two processes of one program differ by several percent for as long as they run: each turn has fresh ones.
    """
    mails = max(10, int(500 * plan.seconds))
    with load.sink() as (onward, _):
        stocks = (subjects.stocked(folder / f"of-{count}", count) for count in (10, plan.many))
        few_ms, many_ms = turns(plan.turns, *(partial(_one_recipient, onward, stock, mails) for stock in stocks))
    lookups = {str(count): asyncio.run(store.lookup(folder, count))["read"] for count in (10, plan.many)}
    return target(
        "store", many_ms / few_ms, few_cpu_ms=round(few_ms, 2), many_cpu_ms=round(many_ms, 2), lookup_us=lookups
    )


def _one_recipient(onward: int, stock: Path, mails: int) -> float:
    with subjects.relay(onward, "sequoia", stock) as program:
        send = partial(load.source, program.ports["lmtp"], lmtp=True, size=SMALL, sessions=SESSIONS)
        send("-m", str(SESSIONS * 5))  # what is read for the first time does not count
        before = program.family.seconds()
        send("-m", str(mails))
        return (program.family.seconds() - before) / mails * 1000


def fifty_recipients(bench: Bench, engine: str) -> dict[str, object]:
    """All named in To: one message encrypted for all of them."""
    mails, program = max(2, int(6 * bench.plan.seconds)), bench.relay(engine)

    def cost(file: Path, recipients: int) -> float:
        before = program.family.seconds()
        options = ("-F", str(file), "-r", str(recipients), "-m", str(mails))
        load.source(program.ports["lmtp"], *options, lmtp=True)
        return (program.family.seconds() - before) / mails * 1000

    few, many = (_named(bench.folder, count) for count in (1, 50))
    cost(few, 1)
    one, fifty = turns(bench.plan.turns, partial(cost, few, 1), partial(cost, many, 50))
    parts = {"one_cpu_ms": round(one, 1), "fifty_cpu_ms": round(fifty, 1)}
    return target(f"fifty-{engine}", fifty / one, **parts, **(_gpg_for_fifty(bench) if engine == "gnupg" else {}))


def _gpg_for_fifty(bench: Bench) -> dict[str, float]:
    """What gpg alone needs for one and for fifty, 1 MB."""
    content, costs = _content(bench.folder, MIDDLE), {}
    for count in (1, 50):
        raw = RawGpg(bench.folder / f"raw-{count}", *(subjects.real(load.KNOWN) for _ in range(count)))
        try:
            costs[f"gpg_alone_for_{count}_cpu_ms"] = round(raw.run(content, 5)["cpu_ms"], 1)
        finally:
            raw.close()
    return costs


def _named(folder: Path, count: int) -> Path:
    """A message of 1 MB with so many in To, as smtp-source numbers them."""
    names = [load.KNOWN, *(f"{number}{load.KNOWN}" for number in range(2, 51))][:count]
    head = f"From: <{load.SENDER}>\nTo: " + ",\n ".join(names) + "\n\n"
    file = folder / f"to-{count}"
    file.write_text(head + ("X" * 78 + "\n") * (1_000_000 // 80))
    return file


def importing(folder: Path, plan: Plan) -> dict[str, object]:
    place = folder / "importing"
    place.mkdir()
    told: dict[str, Any] = asyncio.run(store.importing(place, plan.imported, again=False))
    return target("import", told.pop("ratio"), **told)


def inlet(plan: Plan) -> dict[str, object]:
    """20 MB mails into the inlet alone and into smtp-sink; processor time of each."""
    port, mails = free_port(), plan.rounds
    with ExitStack() as stack:
        sink, pid = stack.enter_context(load.sink())
        ours = Family(stack.enter_context(subjects.script("inlet.py", str(port), ports=[port])))

        def cost(family: Family, at: int) -> float:
            before = family.seconds()
            load.source(at, "-m", str(mails), lmtp=False, size=LARGE)
            return (family.seconds() - before) / mails * 1000

        cost(ours, port)
        mine, theirs, copy = turns(plan.turns, partial(cost, ours, port), partial(cost, Family(pid), sink), _copy_ms)
    return target(
        "inlet",
        mine / (theirs + copy),
        inlet_cpu_ms=round(mine, 1),
        sink_cpu_ms=round(theirs, 1),
        copy_ms=round(copy, 1),
    )


def _copy_ms() -> float:
    octets = bytearray(b"x" * LARGE)
    before = time.process_time()
    bytes(octets)
    return (time.process_time() - before) * 1000
