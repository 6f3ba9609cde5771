"""The words of the worker, which is never loaded into the relay, are words that the relay knows."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

pytest.importorskip("bonsai")

from relay.keys.ldap import protocol, result_codes, worker
from relay.keys.ldap.connection import answer
from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.reason import Reason, Unavailable
from relay.process import ipc
from relay.process.ipc import BadFrame, Frame


def test_every_word_of_the_worker_is_a_reason() -> None:
    words = {
        *result_codes.LOGIN.values(),
        *result_codes.SEARCH.values(),
        *result_codes.BOTH.values(),
        "PROTOCOL",
        "SUBORDINATE",
        "CHILDREN",
        "BASE",
        "TOO_MUCH",
    }
    assert words <= set(Reason.__members__)


def said(work: list[Entry]) -> Frame:
    """What a worker answers with these entries; its alarm is on meanwhile, and off while it waits for work.

    A real one would be the test process's end where the machine stands still for its two seconds.
    """
    alarms: list[int] = []

    def found() -> list[Entry]:
        assert alarms == [2]
        return work

    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.MonkeyPatch.context() as patched:
        patched.setattr(signal, "alarm", alarms.append)
        worker.Session({"timeout": 0.5}, theirs).reply({}, found)
        assert alarms == [2, 0]
        frame = ipc.receive(ours, protocol.ANSWER)
        assert frame
        return frame


def test_the_alarm_that_ends_a_stuck_worker_is_off_while_it_waits_for_work() -> None:
    assert said([]) == Frame({"entries": []})


def test_entries_arrive_as_they_were() -> None:
    entries: list[Entry] = [{"key": (b"\x00\xff", b""), "mail": ()}, {}, {"key": (b"x" * 5000,)}]
    assert answer(said(entries)) == tuple(entries)


def test_more_than_an_answer_holds_is_told_as_that() -> None:
    many: list[list[Entry]] = [[{"key": (b"",) * 10_001}], [{"x" * (1 << 20): ()}]]
    for entries in many:
        with pytest.raises(Unavailable) as raised:
            answer(said(entries))
        assert raised.value.reason is Reason.TOO_MUCH


def test_every_reason_is_a_sentence_without_outside_text() -> None:
    assert all(reason.isascii() and "%" not in reason and "{" not in reason for reason in Reason)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (None, Reason.BROKEN),
        (Frame({"error": "TLS"}), Reason.TLS),
        (Frame({"error": "NEW"}), Reason.PROTOCOL),
        (Frame({"error": []}), Reason.PROTOCOL),
    ],
)
def test_a_failure_is_a_reason(frame: Frame | None, reason: Reason) -> None:
    with pytest.raises(Unavailable) as raised:
        answer(frame)
    assert raised.value.reason is reason


@pytest.mark.parametrize(
    "words", [{}, {"entries": 1}, {"entries": [1]}, {"entries": [{"key": "x"}]}, {"entries": [{"key": -1}]}]
)
def test_what_is_no_answer_is_refused(words: dict[str, object]) -> None:
    with pytest.raises(BadFrame):
        answer(Frame(words, (b"value",)))


def test_the_worker_loads_nothing_of_the_relay_but_frames_its_protocol_and_the_result_codes() -> None:
    code = "import sys, relay.keys.ldap.worker; print(*sorted(m for m in sys.modules if m.startswith('relay')))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert loaded == [
        "relay",
        "relay.keys",
        "relay.keys.ldap",
        "relay.keys.ldap.protocol",
        "relay.keys.ldap.result_codes",
        "relay.keys.ldap.worker",
        "relay.process",
        "relay.process.ipc",
    ]
