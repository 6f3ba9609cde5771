"""What bindings cost those whom none is for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from lab.resolvers import bench
from lab.sources import fpr, key

from relay.keys.resolver import Resolver
from relay.model import Address
from relay.model.binding import Binding

PEOPLE = 200
LOOKS = 4
MOST = 1.05


@pytest.mark.alone
async def test_ten_thousand_bindings_cost_a_lookup_nothing(tmp_path: Path) -> None:
    async with bench(folder(tmp_path, "none")) as none, bench(folder(tmp_path, "many")) as many:
        await many.store.bindings.put([Binding(f"*@d{n}.example", (fpr(90),)) for n in range(10_000)])
        for at in (none, many):
            await at.imported(*(key(n, f"p{n}@ville.example") for n in range(PEOPLE)))
        seconds: list[list[float]] = []
        for _ in range(LOOKS):  # what else the machine does makes some slower, and none quicker
            seconds += [[await timed(at.resolver) for at in (none, many)] for _ in range(100)]
            ratio = min(s for _, s in seconds) / min(s for s, _ in seconds)
            print(f"a lookup with 10,000 bindings costs {ratio:.3f} of one without")
            if ratio < MOST:
                break
    assert ratio < MOST


async def timed(resolver: Resolver) -> float:
    wanted: dict[Address, frozenset[str]] = {Address(f"p{n}@ville.example"): frozenset() for n in range(PEOPLE)}
    begun = time.process_time()
    await resolver.find_all(wanted)
    return time.process_time() - begun


def folder(above: Path, name: str) -> Path:
    (above / name).mkdir()
    return above / name
