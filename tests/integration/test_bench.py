"""The benchmark runs: each of its parts once, with counts that say nothing about speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab.postgresql import programs

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)  # seconds on a quiet machine
def test_the_benchmark_measures_each_part_and_writes_its_results(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "bench/measure.py", "--smoke", "--name", "smoke", "--results", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads((tmp_path / "smoke.json").read_text())
    assert {row["program"] for row in told["matrix"]} == {
        "pass-through, 1 process",
        "pass-through, 2 processes",
        "relay, gnupg, 1 worker",
        "relay, sequoia, 1 worker",
    }
    assert all(row["mails_a_second"] > 0 and row["slowest_ms"] >= row["p50_ms"] > 0 for row in told["matrix"])
    assert all(row["cpu_ms"] > 0 for row in told["raw_gpg"])
    keys = {row["key"] for row in told["targets"]}
    assert {"gnupg-raw", "small-10", "small-50", "fifty-sequoia", "import", "inlet"} <= keys
    parts = {key.removeprefix("part: ") for key in keys if key.startswith("part: ")}
    assert len(parts) == (10 if os.geteuid() == 0 else 0)
    assert {
        "incoming",
        "open-sequoia",
        "open-gnupg",
        "open-addresses",
        "make-gnupg",
        "sign-clear",
        "wkd",
        "pages",
    } <= keys
    for row in told["targets"]:
        assert f"{row['measured']:g}" in done.stdout
    (lookups,) = [row["lookup_us"] for row in told["targets"] if row["key"] == "store"]
    assert list(lookups) == ["10", "600"]
    for microseconds in lookups.values():
        assert f" {microseconds:g} " in done.stdout.partition("Looking one certificate up")[2]


@pytest.mark.alone
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("engine", "large", "bound"), [("gnupg", 1, 3), ("sequoia", 1, 3), ("sequoia", 3, 6)])
def test_a_large_mail_does_not_stop_the_small_ones(engine: str, large: int, bound: int) -> None:
    """p99 of 10 KB mails while 20 MB mails are encrypted stays under three times its quiet value, with one worker.

    Beside three at once the bound is generous; `make bench` has the true one.

    Where it does not it is measured again: a machine with other work stops them too, and not each time. Two clients,
    the relay, a process of its pool and the next hop share the processors; held up on the loop, it is twenty times.
    """
    for _ in range(5):
        told = measured(engine, large)
        assert told["large_mails"] > 5
        assert told["small_mails"] >= 300
        if told["ratio_p99"] < bound:
            break
    else:
        pytest.fail("each time")


def measured(engine: str, large: int) -> dict[str, float]:
    words = [engine, "--rounds", "2", "--mails", "150", "--large", str(large), "--json"]
    done = subprocess.run(
        [sys.executable, ROOT / "bench/large_beside_small.py", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def test_a_store_with_a_long_trace_is_beside_one_with_none() -> None:
    words = ["--rows", "0", "2000", "--rounds", "1", "--mails", "50"]
    done = subprocess.run(
        [sys.executable, ROOT / "bench/long_trace.py", *words], capture_output=True, text=True, check=True, timeout=100
    )
    told = json.loads(done.stdout)
    assert set(told) == {"0", "2000", "load"}
    assert told["0"]["cpu_ms"] > 0
    assert told["2000"]["cpu_ms"] > 0


def test_many_nodes_in_one_process_find_their_rows() -> None:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    words = ["--nodes", "2", "--sessions", "2", "--seconds", "1"]
    done = subprocess.run(
        [sys.executable, ROOT / "bench/nodes.py", *words], capture_output=True, text=True, check=True, timeout=100
    )
    (told,) = json.loads(done.stdout)
    assert told["nodes"] == 2
    assert told["mails_a_second"] > 0
    assert told["server_ms"] > 0
