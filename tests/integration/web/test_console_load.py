"""Pages and searches over a large store: quick, and in the same memory however often they are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from lab.console import Console, Visitor
from lab.console_load import fill
from lab.relay import Relay

from relay.web.console.pages import SHOWN

SEARCHES = (
    "/?period=week",
    "/?period=month",
    "/messages?text=dr7@hopital.example",
    "/messages?text=martin.7@d0.example",
    "/messages?text=4F00000123",
    "/messages?text=000000000000123",
    f"/messages?text={quote('<291@hopital.example>')}",
    "/messages/000000000000123",
    "/messages?since=2020-01-01&until=2100-01-01",
    "/keys?text=martin",
    "/keys?text=durand.3@d3.example",
    "/keys?text=nobody+has+this",
    "/keys?text=%C3%A9t%C3%A9",
    "/keys?text=ABCDEF12",
)
PAGES = [page.path.pattern for page in SHOWN if "(" not in page.path.pattern]
TIMES = 20
"""How often each is asked for."""


@dataclass(frozen=True)
class Large:
    console: Console
    visitor: Visitor
    within: float
    """Seconds, 95 of 100."""


def large(rows: int, keys: int, within: float) -> Iterator[Large]:
    with Relay(
        {"policy": [{"name": "inside", "to": "*@hopital.example", "encrypt": "never"}, {"name": "everyone"}]}
    ) as relay:
        relay.run("keys", "list")
        fill(relay.keyring / "store.db", rows=rows, keys=keys)
        with Console(relay) as console:
            yield Large(console, console.logged_in("anne", "admin"), within)


@pytest.fixture(scope="module")
def small() -> Iterator[Large]:
    """A bound that no machine of CI misses; the long version has the one that is promised."""
    yield from large(20_000, 2_000, 1.5)


@pytest.fixture(scope="module")
def whole() -> Iterator[Large]:
    yield from large(1_000_000, 100_000, 0.3)


@pytest.mark.alone
def test_every_page_and_search_is_quick_in_memory_that_stays(
    small: Large, record_property: Callable[[str, object], None]
) -> None:
    assure_quick(small, record_property)


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_page_and_search_of_a_million_rows_and_100000_keys(
    whole: Large, record_property: Callable[[str, object], None]
) -> None:
    assure_quick(whole, record_property)


def assure_quick(large: Large, record_property: Callable[[str, object], None]) -> None:
    ask(large.visitor, 2)  # what is counted once is counted
    before = memory(large.console)
    slowest = ask(large.visitor, TIMES)
    grown = memory(large.console) - before
    path = max(slowest, key=lambda each: slowest[each])
    counted = f"{len(slowest)} pages, the slowest {path} in {slowest[path]:.3f} s, memory grown by {grown >> 20} MiB"
    record_property("counted", counted)
    assert {path: seconds for path, seconds in slowest.items() if seconds > large.within} == {}
    assert grown < 48 << 20


def ask(visitor: Visitor, times: int) -> dict[str, float]:
    """The seconds within which 95 of 100 answers of each came."""
    found = {}
    for path in (*PAGES, *SEARCHES):
        seconds = []
        for _ in range(times):
            begun = time.perf_counter()
            assert visitor.get(path).status == 200, path
            seconds.append(time.perf_counter() - begun)
        found[path] = sorted(seconds)[int(len(seconds) * 0.95) - 1 if len(seconds) > 1 else 0]
    return found


def memory(console: Console) -> int:
    """Octets of both processes together (VmRSS)."""
    status = [Path(f"/proc/{pid}/status").read_text() for pid in console.pids]
    return sum(int(line.split()[1]) for text in status for line in text.splitlines() if line.startswith("VmRSS")) << 10
