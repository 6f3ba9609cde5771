"""The job that makes certificates for all own addresses: over ports in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat

from relay.daemon.jobs.own_keys import EVERY, WITHIN, OwnKeysJob
from relay.model import Address


@dataclass
class Fakes:
    """In the place of the certificates, the rotation, who exists, and the leases."""

    count: int = 450
    made: list[int] = field(default_factory=list)
    rounds: int = 0
    sweeps: int = 0
    again_in: float | None = None
    free: bool = True

    async def missing(self, addresses: list[Address]) -> list[Address]:
        return list(addresses)

    async def add(self, addresses: list[Address]) -> None:
        self.made.append(len(addresses))

    async def sweep(self) -> None:
        self.sweeps += 1

    async def round(self) -> None:
        self.rounds += 1

    async def workshop(self) -> tuple[Fakes, Fakes]:
        return self, self

    async def addresses(self) -> list[Address]:
        return [Address(f"a{number}@hopital.example") for number in range(self.count)]

    async def take(self, _name: str, _lease: float) -> object | None:
        return object() if self.free else None

    async def done(self, _name: str, again_in: float) -> None:
        self.again_in = again_in


def job(fakes: Fakes, seconds: Iterable[float] = repeat(0.0)) -> OwnKeysJob:
    monotonic = iter(seconds).__next__
    return OwnKeysJob(fakes.workshop, fakes, fakes, monotonic)  # type: ignore[arg-type]  # what it needs of each


async def test_all_are_made_in_one_round_and_then_it_is_done_for_an_hour() -> None:
    fakes = Fakes()
    await job(fakes).round()
    assert fakes == Fakes(made=[200, 200, 50], sweeps=1, rounds=1, again_in=EVERY)


async def test_a_round_ends_in_time_and_the_next_goes_on() -> None:
    fakes = Fakes()
    await job(fakes, (0.0, 10.0, WITHIN)).round()
    assert fakes == Fakes(made=[200], sweeps=1, rounds=1, again_in=0.0)


async def test_another_process_does_it_and_secret_parts_are_swept_all_the_same() -> None:
    fakes = Fakes(free=False)
    await job(fakes).round()
    assert fakes == Fakes(free=False, sweeps=1)
