"""How often one client may ask: a bucket of tokens for each, filled again as time passes. Bounded, and never logged."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from relay.web.http.messages import Refusal

MOST_CLIENTS = 50_000
"""Buckets that are kept; the one not used for longest goes first."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, `each_second` in the long run."""

    burst: float
    each_second: float


class Limit:
    """`allows` a client, or not now."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, client: str, cost: float = 1.0) -> bool:
        """Take so many tokens of this client's; False where there are not enough, and then none are taken."""
        tokens, now = self._tokens(client), self._clock()
        enough = tokens >= cost
        self._buckets[client] = (tokens - cost if enough else tokens, now)
        self._buckets.move_to_end(client)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return enough

    def exhausted(self, client: str) -> bool:
        """Whether it would not allow this client now; takes nothing."""
        return self._tokens(client) < 1

    def wait(self, client: str) -> int:
        """Seconds until one token is there: for the field Retry-After."""
        return max(1, round((1 - self._tokens(client)) / self._rate.each_second))

    def _tokens(self, client: str) -> float:
        tokens, then = self._buckets.get(client, (self._rate.burst, self._clock()))
        return min(self._rate.burst, tokens + (self._clock() - then) * self._rate.each_second)


def assure_within(limit: Limit, client: str) -> None:
    """Take one token of this client's. Raises `Refusal` where there is none."""
    if not limit.allows(client):
        raise too_many(limit, client)


def too_many(limit: Limit, client: str) -> Refusal:
    """The answer to a client beyond the limit."""
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, Retry_After=str(limit.wait(client)))
