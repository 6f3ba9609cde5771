"""A limit is one client's, fills again with time, and forgets the oldest of very many clients."""

from __future__ import annotations

import pytest

from relay.web.http import limits
from relay.web.http.limits import Limit, Rate


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_client_has_its_burst_and_then_its_rate_and_takes_nothing_from_others() -> None:
    clock = Clock()
    limit = Limit(Rate(burst=3, each_second=0.5), clock)

    assert [limit.allows("a") for _ in range(4)] == [True, True, True, False]
    assert limit.allows("b")
    assert limit.exhausted("a")
    assert limit.wait("a") == 2
    clock.now += 2
    assert not limit.exhausted("a")
    assert [limit.allows("a"), limit.allows("a")] == [True, False]


def test_a_burst_is_never_larger_than_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    limit = Limit(Rate(burst=2, each_second=1), clock)
    limit.allows("a")
    clock.now += 1_000_000

    assert [limit.allows("a") for _ in range(3)] == [True, True, False]

    monkeypatch.setattr(limits, "MOST_CLIENTS", 10)
    for number in range(100):
        limit.allows(str(number))
    assert len(limit._buckets) == 10
    assert limit.allows("a"), "it was forgotten, and begins anew"
