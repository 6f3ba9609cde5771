"""The words of the worker, which imports nothing of the relay, are words the relay knows."""

import importlib.util
import signal
from types import ModuleType

import pytest

from relay.keys.ldap.connection import WORKER, answer
from relay.keys.ldap.reason import Reason, Unavailable

pytest.importorskip("bonsai")


def worker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ldap_worker", WORKER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_word_of_the_worker_is_a_reason() -> None:
    module = worker()
    words = {
        *module.LOGIN.values(),
        *module.SEARCH.values(),
        *module.BOTH.values(),
        "PROTOCOL",
        "REFERRAL",
        "BASE",
        "TOO_MUCH",
    }
    assert words <= set(Reason.__members__)


def test_the_alarm_that_ends_a_stuck_worker_is_off_while_it_waits_for_work(capsys: pytest.CaptureFixture[str]) -> None:
    module = worker()
    remaining: list[int] = []

    def work() -> list[dict[str, list[str]]]:
        remaining.append(signal.alarm(0))
        signal.alarm(remaining[0])
        return []

    module.Session({"timeout": 0.5}).reply({}, work)
    assert remaining == [2]
    assert signal.alarm(0) == 0
    assert capsys.readouterr().out == '{"entries": []}\n'


def test_every_reason_is_a_sentence_without_outside_text() -> None:
    assert all(reason.isascii() and "%" not in reason and "{" not in reason for reason in Reason)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", Reason.BROKEN),
        (b'{"entries": []', Reason.BROKEN),
        (b'{"error": "TLS"}\n', Reason.TLS),
        (b'{"error": "NEW"}\n', Reason.PROTOCOL),
        (b"gnutls: warning\n", Reason.PROTOCOL),
        (b"[]\n", Reason.PROTOCOL),
        (b'{"entries": [{"key": ["no base64"]}]}\n', Reason.PROTOCOL),
    ],
)
def test_whatever_the_worker_prints_is_an_answer_or_a_reason(line: bytes, reason: Reason) -> None:
    with pytest.raises(Unavailable) as raised:
        answer(line)
    assert raised.value.reason is reason


def test_an_answer_is_entries_of_octets() -> None:
    assert answer(b'{"entries": [{"key": ["AP8="]}]}\n') == ({"key": (b"\x00\xff",)},)
