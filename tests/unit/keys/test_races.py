"""What an administrator decides counts, at whatever moment of a background fetch it comes.

A fetch reads a row, merges, and writes it back. `at_each_moment` lets the administrator act before each of its calls
of the store and of the examiner, one run a moment, and looks at what stands in the store in the end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from lab.sources import DAY, NOW, Notary, fpr, key, narrow, read

from relay.admin.key_import.result import Offer
from relay.admin.key_import.storing import State, Storing
from relay.keys.merge_policy import MergePolicy
from relay.model import Address, Entry, Origin
from relay.store import Store

BOB = "bob@ville.example"
FIRST = key(1, BOB, expires=NOW + DAY)
RENEWED = key(1, BOB, expires=NOW + 9 * DAY)
EXPIRED = key(9, BOB, expires=NOW - DAY)


class Interrupted:
    """Whatever this stands for, with something else done before the call of a number."""

    def __init__(self, whole: object, calls: count[int], at: int, act: Callable[[], Awaitable[None]]) -> None:
        self._whole = whole
        self._calls = calls
        self._at = at
        self._act = act

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def called(*given: object, **named: object) -> object:
            if next(self._calls) == self._at:
                await self._act()
            return await getattr(self._whole, name)(*given, **named)

        return called


def wkd(*, proposed: bool) -> Entry:
    return Entry(read(FIRST), Origin.WKD, int(NOW), proposed)


async def brings(policy: MergePolicy, blob: bytes) -> None:
    certificate = read(blob)
    await policy.learn([certificate])
    await policy.keep(certificate, Origin.WKD, Address(BOB))


async def guards(policy: MergePolicy) -> None:
    await policy.guard(Address(BOB), read(FIRST))


FETCHES: dict[str, Callable[[MergePolicy], Awaitable[None]]] = {
    "the same": lambda policy: brings(policy, FIRST),
    "renewed": lambda policy: brings(policy, RENEWED),
    "another": lambda policy: brings(policy, key(2, BOB)),
    "guarded": guards,
}


async def imports(store: Store, blob: bytes) -> bool:
    storing = Storing(Notary(), store.certificates, lambda: NOW, actor="cli:root")
    certificate = read(blob)
    state = State(Offer("file", 1, blob), certificate.fingerprint, blob, certificate)
    (result,) = (await storing.store([state])).values()
    return result.outcome.value in {"imported", "updated", "unchanged"}


DECISIONS: dict[str, Callable[[Store], Awaitable[bool]]] = {
    "imports it": lambda store: imports(store, FIRST),
    "imports it renewed": lambda store: imports(store, RENEWED),
    "approves it": lambda store: store.certificates.approve(fpr(1)),
    "rejects it": lambda store: store.certificates.reject(fpr(1)),
}


async def at_each_moment(
    folder: Path,
    fetch: Callable[[MergePolicy], Awaitable[None]],
    decide: Callable[[Store], Awaitable[bool]],
    before: list[Entry],
) -> list[tuple[bool, Entry | None]]:
    """For each moment: whether the decision was taken, and the first key's entry in the end."""
    ends: list[tuple[bool, Entry | None]] = []
    for moment in count():
        decided: list[bool] = []
        async with await Store.open(folder / f"{moment}.db", clock=lambda: NOW) as store:
            await store.certificates.upsert(before)

            async def act(store: Store = store, decided: list[bool] = decided) -> None:
                decided.append(await decide(store))

            calls = count()
            certificates = Interrupted(store.certificates, calls, moment, act)
            examiner = Interrupted(Notary(), calls, moment, act)
            await fetch(MergePolicy(certificates, examiner, lambda: NOW, narrow))  # type: ignore[arg-type]  # a proxy of it
            if not decided:
                return ends
            ends.append((decided[0], await store.certificates.by_fingerprint(fpr(1))))
    raise AssertionError


BEFORE = {
    f"{state}, {company}": [wkd(proposed=state == "proposed"), *beside]
    for state in ("in use", "proposed")
    for company, beside in {"alone": [], "beside an imported one": [Entry(read(EXPIRED), Origin.IMPORTED, 0)]}.items()
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("fetch", FETCHES)
async def test_a_decision_is_never_lost_to_a_fetch(
    tmp_path: Path, fetch: str, decision: str, before: str, record_property: Callable[[str, object], None]
) -> None:
    ends = await at_each_moment(tmp_path, FETCHES[fetch], DECISIONS[decision], BEFORE[before])
    assert ends
    for moment, (taken, entry) in enumerate(ends):
        if taken and decision == "rejects it":
            assert entry is None, moment
        elif taken:
            assert entry is not None, moment
            assert not entry.proposed, moment
            assert entry.origin is Origin.IMPORTED or decision == "approves it", moment
    record_property("counted", f"{len(ends)} moments, {sum(taken for taken, _ in ends)} decisions taken")
