"""Times for machines are UTC and those for people local; `--since` and retention count seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from lab.program import program

from relay.cli.times import Look, moment
from relay.daemon.jobs.retention import Retention
from relay.model import Record
from relay.store import Leases, Store

PLACES = ["UTC", "Europe/Paris", "America/St_Johns", "Pacific/Kiritimati", "Pacific/Niue"]
SPRING, AUTUMN = datetime(2027, 3, 28, 1, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
"""When the clocks of Paris change."""
AROUND = [m + timedelta(minutes=n) for m in (AUTUMN, SPRING) for n in (-90, -30, -1, 0, 1, 30, 90)]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def record(at: float, id_: str) -> Record:
    return Record(at, id_, "", "", "a@x.example", "b@x.example", "encrypt", "r", "w", "", "", "250 2.0.0", 1)


async def fill(file: Path, *times: float) -> None:
    async with await Store.open(file) as store:
        await store.trace.write([record(at, f"id{n}") for n, at in enumerate(times)])


def test_a_moment_is_told_to_machines_in_utc_also_while_clocks_change(place: str) -> None:
    told = [moment(at.timestamp()) for at in AROUND]
    assert told == [at.strftime("%Y-%m-%dT%H:%M:%S+00:00") for at in AROUND], place
    assert len(set(told)) == len(AROUND), "no hour comes twice"
    assert [Look(full=True, utc=True).moment(at.timestamp()) for at in AROUND] == told


def test_a_moment_is_told_to_people_in_local_time_and_in_full_with_its_offset(place: str) -> None:
    told = [Look(full=True, utc=False).moment(at.timestamp()) for at in AROUND]
    assert [datetime.fromisoformat(each) for each in told] == AROUND, place
    assert len(set(told)) == len(AROUND), "no hour comes twice"
    assert told == [at.astimezone(ZoneInfo(place)).isoformat(timespec="seconds") for at in AROUND]


def test_a_short_moment_has_the_year_where_it_is_another_one(place: str) -> None:
    now = time.time()
    local, utc = Look(full=False, utc=False), Look(full=False, utc=True)
    year = datetime.now(ZoneInfo(place)).year
    june = datetime(year, 6, 1, 9, 5, tzinfo=ZoneInfo(place)).timestamp()
    assert local.moment(june) == "06-01 09:05"
    assert local.moment(june - 400 * 86400) == f"{datetime.fromtimestamp(june - 400 * 86400, ZoneInfo(place)):%Y-%m-%d}"
    assert utc.moment(now) == f"{datetime.fromtimestamp(now, UTC):%m-%d %H:%MZ}"
    assert (local.moment(None, "never"), local.day(None)) == ("never", "never")
    assert utc.day(AUTUMN.timestamp()) == "2026-10-25"


async def test_retention_counts_seconds_and_no_calendar(place: str, tmp_path: Path) -> None:
    for number, change in enumerate((SPRING, AUTUMN)):
        now = (change + timedelta(hours=12)).timestamp()
        async with await Store.open(tmp_path / f"{number}.db") as store:
            await store.trace.write([record(now - 86400 - 1, "gone"), record(now - 86400 + 1, "kept")])
            leases = Leases(store.database, lambda now=now: now)  # type: ignore[misc]  # mypy knows no defaults of lambdas
            await Retention(store.trace, leases, 86400.0, lambda now=now: now).round()  # type: ignore[misc]  # likewise
            assert [r.id async for r in store.trace.select()] == ["kept"], place


def test_since_means_the_same_everywhere(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import asyncio  # noqa: PLC0415  the program runs loops of its own

    config = tmp_path / "config.yaml"
    config.write_text("policy: []\nlookup: {sources: [keyring]}\n")
    (tmp_path / "keyring").mkdir(mode=0o700)
    now = time.time()
    asyncio.run(fill(tmp_path / "keyring" / "store.db", now - 7000, now - 60))
    rows = [
        json.loads(line) for line in program(capsys, "-c", config, "trace", "--json", "--since", "1h").out.splitlines()
    ]
    assert [row["id"] for row in rows] == ["id1"], place
    assert rows[0]["time"] == datetime.fromtimestamp(now - 60, UTC).isoformat(timespec="seconds")
