"""How long a worker's next life is put off."""

from __future__ import annotations

from relay.daemon.restart_pauses import LONGEST_PAUSE, STEADY, RestartPauses


def test_the_first_end_costs_nothing_and_a_crash_loop_is_slowed_down_to_half_a_minute() -> None:
    pauses = RestartPauses()

    assert [pauses.after(0.2) for _ in range(10)] == [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert [pauses.after(0.2) for _ in range(2000)][-1] == LONGEST_PAUSE


def test_a_worker_that_has_served_for_a_while_begins_anew() -> None:
    pauses = RestartPauses()
    for _ in range(5):
        pauses.after(0.0)

    assert [pauses.after(STEADY + 1), pauses.after(0.2), pauses.after(0.2)] == [0, 0, 0.5]
