"""Figures of several processes add up, and none goes backwards."""

from __future__ import annotations

import json

from relay.telemetry import catalogue as c
from relay.telemetry.counters import MOST_TROUBLES, Counters, Trouble
from relay.telemetry.exposition import MetricsPage
from relay.telemetry.metrics import STALE, Metrics, ProcessState

READY = ProcessState(0, "")


def worked(mails: int, seconds: float) -> Counters:
    counters = Counters()
    counters.count(c.MESSAGES, by=mails)
    counters.count(c.RECIPIENTS, "encrypt", "everyone", by=mails)
    for _ in range(mails):
        counters.observe(c.ENCRYPT_SECONDS, seconds)
    counters.mark(c.LAST_ENCRYPTION, 1000.0 + mails)
    return counters


def lines(metrics: Metrics) -> list[str]:
    return MetricsPage(metrics).text().decode().splitlines()


def test_workers_add_up_and_what_a_dead_one_told_stays() -> None:
    metrics = Metrics(2)
    metrics.hear(0, worked(3, 0.02), READY)
    metrics.hear(1, worked(4, 0.3), READY)
    metrics.lost(1)
    metrics.hear(1, worked(1, 0.3), READY)

    page = lines(metrics)

    assert "pgp_relay_messages_total 8.0" in page
    assert 'pgp_relay_recipients_total{action="encrypt",rule="everyone"} 8.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="0.025"} 3.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="0.25"} 3.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="0.5"} 8.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="+Inf"} 8.0' in page
    assert "pgp_relay_encrypt_duration_seconds_count 8.0" in page


def test_what_is_taken_is_told_once() -> None:
    counters = worked(2, 1)
    metrics = Metrics()
    metrics.hear(0, counters.take(), READY)
    metrics.hear(0, counters.take(), READY)

    assert metrics.value(c.MESSAGES) == 2


def test_as_octets_nothing_is_lost_and_no_piece_is_large() -> None:
    counters = worked(2, 1)
    counters.trouble(Trouble("failed", "EngineError encrypt:1", 2, 5.0))
    for number in range(1000):
        counters.count(c.RECIPIENTS, "encrypt", f"rule {number}")
    pieces, again = list(counters.pieces()), Counters()
    for piece in pieces:
        again.add(Counters.read(json.loads(json.dumps(piece))))

    assert again == counters
    assert max(len(json.dumps(piece)) for piece in pieces) < 60_000
    assert list(Counters().pieces()) == [[]]


def test_a_duration_on_a_bound_is_within_it() -> None:
    metrics = Metrics()
    counters = Counters()
    counters.observe(c.ENCRYPT_SECONDS, 0.01)
    counters.observe(c.ENCRYPT_SECONDS, 1000)
    metrics.hear(0, counters, READY)

    page = lines(metrics)

    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="0.005"} 0.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="0.01"} 1.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="30.0"} 1.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="+Inf"} 2.0' in page


def test_troubles_of_one_kind_are_one_and_only_the_last_kinds_are_kept() -> None:
    counters = Counters()
    for second in range(100):
        counters.trouble(Trouble("failed", "the same", 1, float(second)))
        counters.trouble(Trouble("failed", f"another {second}", 1, float(second)))

    assert counters.troubles["failed", "the same"] == Trouble("failed", "the same", 100, 99.0)
    assert len(counters.troubles) == MOST_TROUBLES


def test_ready_is_who_has_one_ready_process_and_alive_who_has_one_that_speaks() -> None:
    now = [100.0]
    metrics = Metrics(2, clock=lambda: now[0])
    assert (metrics.alive, metrics.lacks) == (0, "starting")

    metrics.hear(0, Counters(), ProcessState(1, "store"))
    assert (metrics.alive, metrics.lacks) == (1, "store")
    metrics.hear(0, Counters(), ProcessState(1, ""))
    assert (metrics.alive, metrics.lacks) == (1, "workers")
    metrics.hear(0, Counters(), ProcessState(1, "store"))
    metrics.hear(1, Counters(), ProcessState(2, ""))
    assert (metrics.alive, metrics.lacks, metrics.in_progress) == (2, "", 3)

    now[0] += STALE
    metrics.hear(0, Counters(), ProcessState(0, ""))
    assert (metrics.alive, metrics.lacks) == (1, "stalled")  # the other one still gets its share of the connections
    metrics.lost(1)
    metrics.hear(0, Counters(), ProcessState(0, "engine"))
    assert (metrics.alive, metrics.lacks) == (1, "engine")
    now[0] += STALE
    assert (metrics.alive, metrics.lacks) == (0, "stalled")


def test_per_second_is_over_the_last_minute() -> None:
    now = [0.0]
    metrics = Metrics(clock=lambda: now[0])
    for second in range(200):
        now[0] = float(second)
        metrics.hear(0, worked(5 if second >= 100 else 0, 1), READY)
        metrics.tick()
        if second == 129:
            assert 2 < metrics.per_second < 3

    assert metrics.per_second == 5
