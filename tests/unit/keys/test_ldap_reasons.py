"""The words of the worker, which imports nothing of the relay, are words the relay knows."""

import importlib.util
from types import ModuleType

import pytest

from relay.keys.ldap.connection import WORKER
from relay.keys.ldap.reason import Reason

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


def test_every_reason_is_a_sentence_without_outside_text() -> None:
    assert all(reason.isascii() and "%" not in reason and "{" not in reason for reason in Reason)
