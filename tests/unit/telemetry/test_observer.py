"""Which line of the log moves which figure; and nothing from outside is a label."""

from __future__ import annotations

from typing import Any

import pytest

from relay.model.harvest import Outcome
from relay.telemetry import catalogue as c
from relay.telemetry import events, log_output
from relay.telemetry.counters import Counters
from relay.telemetry.events import Event
from relay.telemetry.observer import Observer

OUTSIDE = {
    "id": "1M8A9FF57DWR41R",
    "queue_id": "OUTSIDE",
    "recipient": "outside@ville.example",
    "peer": "192.0.2.25",
    "signer": "OUTSIDE",
    "method": "outside",
    "faults": ["outside"],
    "fingerprint": "OUTSIDE",
    "protocol": "OUTSIDE",
}
LINES: list[tuple[str, dict[str, Any], tuple[str, ...], float]] = [
    (Event.RECEIVED, {"size": 91, "recipients": 2}, ("pgp_relay_messages",), 1),
    (Event.RECEIVED, {"size": 91, "recipients": 2}, ("pgp_relay_received_bytes",), 91),
    (Event.DECIDED, {"action": "hold", "rule": "all"}, ("pgp_relay_recipients", "hold", "all"), 1),
    (
        Event.LOOKED_UP,
        {"source": "wkd", "result": "not found", "recipients": 3},
        ("pgp_relay_lookups", "wkd", "not_found"),
        3,
    ),
    (
        Event.SOURCE_ASKED,
        {"source": "ldap", "result": "unavailable", "seconds": 0.2},
        ("pgp_relay_source_requests", "ldap", "unavailable"),
        1,
    ),
    (
        Event.DECIDED,
        {"action": "decrypt", "rule": "inbound", "encryption": "decrypted", "signature": "good"},
        ("pgp_relay_marks", "decrypted", "good"),
        1,
    ),
    (Event.OPENED, {"seconds": 0.1}, ("pgp_relay_open_duration_seconds", "sum"), 0.1),
    (Event.ENCRYPTED, {"seconds": 0.2}, ("pgp_relay_encrypt_duration_seconds", "sum"), 0.2),
    (Event.HANDED_OVER, {"seconds": 0.3}, ("pgp_relay_reinject_duration_seconds", "sum"), 0.3),
    (Event.NEXT_HOP_REPLIED, {"code": 452}, ("pgp_relay_next_hop_replies", "deferred"), 1),
    (Event.NEXT_HOP_FAILED, {"recipients": 2, "error": "NextHopError"}, ("pgp_relay_next_hop_failures",), 1),
    (Event.ANSWERED, {"codes": {250: 2, 550: 3}, "seconds": 1.0}, ("pgp_relay_replies", "rejected"), 3),
    (Event.ANSWERED, {"codes": {250: 2, 550: 3}, "seconds": 1.0}, ("pgp_relay_message_duration_seconds", "sum"), 1),
    (Event.NOTICE_SENT, {"notice": "held", "code": 250}, ("pgp_relay_notices", "held"), 1),
    (Event.ENROLMENT, {"result": "enrolled"}, ("pgp_relay_enrolments", "enrolled"), 1),
    (Event.HARVESTED, {"result": Outcome.NO_DKIM}, ("pgp_relay_harvested_keys", "no-dkim"), 1),
    (Event.INVITED, {"code": 250}, ("pgp_relay_invitations",), 1),
    (Event.FAILED, {}, ("pgp_relay_failures",), 1),
    (Event.UNTRACED, {"rows": 7}, ("pgp_relay_untraced_rows",), 7),
    (Event.UNANSWERED, {}, ("pgp_relay_unanswered_messages",), 1),
    (Event.DENIED, {}, ("pgp_relay_connections_refused", "denied"), 1),
    (Event.CROWDED, {}, ("pgp_relay_connections_refused", "crowded"), 1),
    (Event.MEMORY_AWAITED, {}, ("pgp_relay_memory_waits",), 1),
    (Event.WORKER_ENDED, {"worker": 1}, ("pgp_relay_workers_ended",), 1),
]


@pytest.mark.parametrize(("word", "fields", "key", "more"), LINES, ids=[f"{line[0]}-{line[2][0]}" for line in LINES])
def test_a_line_moves_its_figure_and_holds_nothing_from_outside(
    word: str, fields: dict[str, Any], key: tuple[str, ...], more: float
) -> None:
    observer = Observer(Counters())

    observer("error", {**OUTSIDE, **fields, "event": word})

    counters = observer.counters
    assert counters.counts[key] == more
    told = [*counters.counts, *counters.marks, *counters.troubles]
    assert not any("outside" in str(each).lower() or str(OUTSIDE["id"]) in str(each) for each in told)


def test_every_counter_is_moved_by_a_line() -> None:
    moved = {key[0] for _, _, key, _ in LINES} | {c.REQUEST_SECONDS.name}

    assert moved == {metric.name for metric in c.ALL if metric.kind is not c.Kind.GAUGE}


def test_the_next_hop_is_down_after_a_failure_and_up_after_a_mail() -> None:
    observer = Observer(Counters())
    observer("warning", {"event": Event.NEXT_HOP_FAILED, "recipients": 1})
    assert (observer.next_hop_down, observer.counters.marks[c.HOP_UP.name,]) == (True, 0)

    observer("debug", {"event": Event.HANDED_OVER, "seconds": 1.0})
    assert (observer.next_hop_down, observer.counters.marks[c.HOP_UP.name,]) == (False, 1)


def test_the_public_service_is_down_until_it_answers_again() -> None:
    observer = Observer(Counters())
    observer("warning", {"event": Event.PUBLIC_UNREACHABLE, "reason": "it is away"})
    assert observer.counters.marks[c.PUBLIC_UP.name,] == 0

    observer("info", {"event": Event.PUBLIC_REACHED})
    assert observer.counters.marks[c.PUBLIC_UP.name,] == 1


def test_a_decision_to_defer_says_nothing_of_the_next_hop() -> None:
    observer = Observer(Counters())
    observer("info", {"event": Event.DECIDED, "action": "defer", "rule": "everyone"})

    assert not observer.next_hop_down


def test_lines_below_the_logs_level_are_seen_and_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    observer = Observer(Counters())
    log_output.configure(level="error", seen=observer)
    events.log().info(Event.RECEIVED, size=1, recipients=1)
    events.log().debug(Event.HANDED_OVER, seconds=1.0)
    events.log().error(Event.FAILED)

    assert observer.counters.counts[c.MESSAGES.name,] == 1
    assert "failed" in (told := capsys.readouterr().err)
    assert "received" not in told


def test_without_an_observer_the_level_holds(capsys: pytest.CaptureFixture[str]) -> None:
    log_output.configure(level="info")
    events.log().debug(Event.HANDED_OVER, seconds=1.0)
    events.log().info(Event.RECEIVED)

    assert "handed" not in (told := capsys.readouterr().err)
    assert "received" in told
