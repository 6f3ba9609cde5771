"""What bindings cost those whom none is for: at most 1.05 times what a lookup costs without any."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import cycle, islice, permutations
from pathlib import Path
from types import FrameType

import pytest
from lab.resolvers import Bench, bench
from lab.sources import fpr, key

from relay.model import Address
from relay.model.binding import Binding
from relay.store import state_tokens

PEOPLE = 200
MANY = [Binding(f"*@d{n}.example", (fpr(90),)) for n in range(10_000)]
LOOKS = 4
TURNS = 96
"""Of each look; a multiple of the orders in which three can be asked."""


async def test_ten_thousand_bindings_cost_a_lookup_not_a_fiftieth_more_of_pythons_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, on any machine the same: it took 1.034 times as many, which were 1.02 to 1.08 times the seconds."""
    monkeypatch.setattr(state_tokens, "FRESH_SECONDS", 3600.0)  # who is slow reads them again and again, in more steps
    async with bench(tmp_path) as at:
        await imported(at)
        none = min([await steps(at) for _ in range(6)])  # a turn of the event loop more or less
        await at.store.bindings.put(MANY)
        many = min([await steps(at) for _ in range(6)])
    print(f"{many} steps with 10,000 bindings, {none} without")
    assert PEOPLE * 100 < many < 1.02 * none


@pytest.mark.parametrize("most", [1.5, pytest.param(1.05, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
@pytest.mark.alone
async def test_ten_thousand_bindings_cost_a_lookup_nothing(most: float, tmp_path: Path) -> None:
    """Of seconds: within a bound that no machine of CI misses; the long version has the one that is promised.

    Two stores without any are measured beside it: where they differ, the measurement does, and not what it measures.
    Where each lies in memory makes one of two that are alike up to 1.05 times as slow, on a busy machine. Each of the
    three comes first, second and last, and behind each other, equally often.
    """
    names = ("none", "none too", "many")
    async with AsyncExitStack() as stack:
        sides = {name: await stack.enter_async_context(bench(folder(tmp_path, name))) for name in names}
        for at in sides.values():
            await imported(at)
        await sides["many"].store.bindings.put(MANY)
        orders: Iterator[tuple[str, ...]] = cycle(permutations(names))
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(LOOKS):  # what else the machine does makes some slower, and none quicker
            for name in (name for order in islice(orders, TURNS) for name in order):
                seconds[name].append(await timed(sides[name]))
            none, too, many = (min(seconds[name]) for name in names)
            print(f"a lookup with 10,000 bindings costs {many / none:.3f} and {many / too:.3f} of one without")
            if many < most * max(none, too):
                break
    assert many < most * max(none, too)


async def imported(at: Bench) -> None:
    await at.imported(*(key(n, f"p{n}@ville.example") for n in range(PEOPLE)))


async def looked_up(at: Bench) -> None:
    await at.resolver.find_all({Address(f"p{n}@ville.example"): frozenset[str]() for n in range(PEOPLE)})


async def timed(at: Bench) -> float:
    begun = time.process_time()
    await looked_up(at)
    return time.process_time() - begun


async def steps(at: Bench) -> int:
    """Of Python's, in this thread."""
    counted = 0

    def step(_frame: FrameType, event: str, _value: object) -> object:
        nonlocal counted
        counted += event == "opcode"
        return step

    def begin(frame: FrameType, _event: str, _value: object) -> object:
        frame.f_trace_opcodes = True
        return step

    before = sys.gettrace()
    sys.settrace(begin)  # type: ignore[arg-type]  # its own type names itself
    try:
        await looked_up(at)
    finally:
        sys.settrace(before)
    return counted


def folder(above: Path, name: str) -> Path:
    (above / name).mkdir()
    return above / name
