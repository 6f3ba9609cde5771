"""Figures of several processes add up, and none goes backwards."""

from __future__ import annotations

import json

from relay.telemetry import catalogue as c
from relay.telemetry.counters import MOST_TROUBLES, Tally, Trouble
from relay.telemetry.exposition import Page
from relay.telemetry.figures import STALE, Figures, Standing

READY = Standing(0, "")


def worked(mails: int, seconds: float) -> Tally:
    tally = Tally()
    tally.count(c.MESSAGES, by=mails)
    tally.count(c.RECIPIENTS, "encrypt", "everyone", by=mails)
    for _ in range(mails):
        tally.observe(c.ENCRYPT_SECONDS, seconds)
    tally.mark(c.LAST_ENCRYPTION, 1000.0 + mails)
    return tally


def lines(figures: Figures) -> list[str]:
    return Page(figures).text().decode().splitlines()


def test_workers_add_up_and_what_a_dead_one_told_stays() -> None:
    figures = Figures(2)
    figures.hear(0, worked(3, 0.02), READY)
    figures.hear(1, worked(4, 0.3), READY)
    figures.lost(1)
    figures.hear(1, worked(1, 0.3), READY)

    page = lines(figures)

    assert "pgp_relay_messages_total 8.0" in page
    assert 'pgp_relay_recipients_total{action="encrypt",rule="everyone"} 8.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="0.025"} 3.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="0.25"} 3.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="0.5"} 8.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="+Inf"} 8.0' in page
    assert "pgp_relay_encrypt_duration_seconds_count 8.0" in page


def test_what_is_taken_is_told_once() -> None:
    tally = worked(2, 1)
    figures = Figures()
    figures.hear(0, tally.take(), READY)
    figures.hear(0, tally.take(), READY)

    assert figures.value(c.MESSAGES) == 2


def test_as_octets_nothing_is_lost_and_no_piece_is_large() -> None:
    tally = worked(2, 1)
    tally.trouble(Trouble("failed", "EngineError encrypt:1", 2, 5.0))
    for number in range(1000):
        tally.count(c.RECIPIENTS, "encrypt", f"rule {number}")
    pieces, again = list(tally.pieces()), Tally()
    for piece in pieces:
        again.add(Tally.read(json.loads(json.dumps(piece))))

    assert again == tally
    assert max(len(json.dumps(piece)) for piece in pieces) < 60_000
    assert list(Tally().pieces()) == [[]]


def test_a_duration_on_a_bound_is_within_it() -> None:
    figures = Figures()
    tally = Tally()
    tally.observe(c.ENCRYPT_SECONDS, 0.01)
    tally.observe(c.ENCRYPT_SECONDS, 1000)
    figures.hear(0, tally, READY)

    page = lines(figures)

    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="0.005"} 0.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="0.01"} 1.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="30.0"} 1.0' in page
    assert 'pgp_relay_encrypt_duration_seconds_bucket{le="+Inf"} 2.0' in page


def test_troubles_of_one_kind_are_one_and_only_the_last_kinds_are_kept() -> None:
    tally = Tally()
    for second in range(100):
        tally.trouble(Trouble("failed", "the same", 1, float(second)))
        tally.trouble(Trouble("failed", f"another {second}", 1, float(second)))

    assert tally.troubles["failed", "the same"] == Trouble("failed", "the same", 100, 99.0)
    assert len(tally.troubles) == MOST_TROUBLES


def test_ready_is_who_has_one_ready_process_and_alive_who_has_one_that_speaks() -> None:
    now = [100.0]
    figures = Figures(2, clock=lambda: now[0])
    assert (figures.alive, figures.lacks) == (0, "starting")

    figures.hear(0, Tally(), Standing(1, "store"))
    assert (figures.alive, figures.lacks) == (1, "store")
    figures.hear(1, Tally(), Standing(2, ""))
    assert (figures.alive, figures.lacks, figures.underway) == (2, "", 3)

    now[0] += STALE
    figures.hear(0, Tally(), Standing(0, "engine"))
    assert (figures.alive, figures.lacks) == (1, "engine")
    now[0] += STALE
    assert (figures.alive, figures.lacks) == (0, "stalled")


def test_per_second_is_over_the_last_minute() -> None:
    now = [0.0]
    figures = Figures(clock=lambda: now[0])
    for second in range(200):
        now[0] = float(second)
        figures.hear(0, worked(5 if second >= 100 else 0, 1), READY)
        figures.tick()
        if second == 129:
            assert 2 < figures.per_second < 3

    assert figures.per_second == 5
