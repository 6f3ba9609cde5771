"""What the process that asks domains may say, and what it may not."""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.keys.wkd import Reason, protocol
from relay.keys.wkd.answer import MAX_CERTIFICATES
from relay.keys.wkd.port import Document, Fetched, Settings
from relay.model import NotFound, Outage
from relay.process import ipc
from relay.process.ipc import BadFrame

METHODS = st.sampled_from(protocol.METHODS)
ANSWERS = st.one_of(
    st.builds(Document, METHODS, st.lists(st.binary(), min_size=1, max_size=MAX_CERTIFICATES).map(tuple)),
    st.builds(NotFound, st.just("wkd"), METHODS),
    st.builds(Outage, st.just("wkd"), st.sampled_from(Reason), METHODS),
)


@given(ANSWERS, st.integers(0))
def test_what_is_said_is_heard(answer: Fetched, number: int) -> None:
    words, strings = protocol.answer_frame(number, answer)
    ipc.encode(words, strings, protocol.ANSWER)
    frame = ipc.Frame(json.loads(json.dumps(words)), tuple(strings))
    assert frame.words["answer"] == number
    assert protocol.answer_of(frame) == answer


@given(
    st.builds(
        Settings.of,
        timeout=st.floats(0.1, 100),
        ca_file=st.sampled_from([None, Path("/etc/ssl/é.pem")]),
        connect_to=st.dictionaries(
            st.sampled_from(["a.example:443", "[2001:db8::1]:443"]), st.just("127.0.0.1:1"), max_size=2
        ),
        allow_networks=st.sampled_from([(), (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))]),
    )
)
def test_settings_arrive_as_they_were(settings: Settings) -> None:
    assert protocol.settings_of(json.loads(json.dumps(protocol.settings_words(settings)))) == settings


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"kind": "Found", "method": "wkd/advanced"},
        {"kind": "Outage", "method": "wkd/advanced"},
        {"kind": "Outage", "method": "wkd/advanced", "reason": "text of a stranger"},
        {"kind": "NotFound"},
        {"kind": "Outage", "method": "", "reason": []},
        {"kind": {}, "method": ""},
        {"kind": "Document", "method": "wkd/direct"},
        {"kind": "NotFound", "method": "text of a stranger"},
        {"kind": "NotFound", "method": []},
    ],
)
def test_what_is_no_answer_is_refused(words: dict[str, Any]) -> None:
    with pytest.raises(BadFrame):
        protocol.answer_of(ipc.Frame(words))


@pytest.mark.parametrize(
    ("word", "name"), [("ValueError", "ValueError"), ("a sentence", "?"), ("x" * 99, "?"), ([], "?")]
)
def test_of_an_exception_only_its_name_is_told(word: object, name: str) -> None:
    assert protocol.error_name(word) == name
