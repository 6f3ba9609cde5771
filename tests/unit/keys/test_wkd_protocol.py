"""What the process that asks domains may say, and what it may not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.keys.wkd import Reason, protocol
from relay.keys.wkd.answer import MAX_CERTIFICATES
from relay.keys.wkd.port import Document, Fetched
from relay.keys.wkd.protocol import LARGEST, BadFrame
from relay.model import NotFound, Outage

METHODS = st.sampled_from(protocol.METHODS)
ANSWERS = st.one_of(
    st.builds(Document, METHODS, st.lists(st.binary(), min_size=1, max_size=MAX_CERTIFICATES).map(tuple)),
    st.builds(NotFound, st.just("wkd"), METHODS),
    st.builds(Outage, st.just("wkd"), st.sampled_from(Reason), METHODS),
)


async def heard(octets: bytes) -> list[protocol.Frame]:
    reader = asyncio.StreamReader()
    reader.feed_data(octets)
    reader.feed_eof()
    found = []
    while frame := await protocol.read(reader):
        found.append(frame)
    return found


@given(st.lists(ANSWERS, max_size=4))
def test_what_is_said_is_heard(answers: list[Fetched]) -> None:
    said = b"".join(protocol.encoded(number, answer) for number, answer in enumerate(answers))
    found = asyncio.run(heard(said))
    assert [frame.words["answer"] for frame in found] == list(range(len(answers)))
    assert [protocol.decoded(frame) for frame in found] == answers


WRONG = {
    "no JSON": b"nonsense\n",
    "no object": b"[1]\n",
    "without bottom": b"[" * 50_000 + b"\n",
    "no sizes": b'{"answer": 1}\n',
    "sizes of text": b'{"sizes": ["x"]}\n',
    "endless": b'{"sizes": [Infinity]}\n',
    "a negative size": b'{"sizes": [-1]}\n',
    "too many": json.dumps({"sizes": [0] * (MAX_CERTIFICATES + 1)}).encode() + b"\n",
    "too large": json.dumps({"sizes": [LARGEST, 1]}).encode() + b"\n",
    "cut off in its line": b'{"answer": 1',
    "cut off in its octets": b'{"sizes": [2]}\nx',
    "a line without end": b"x" * (1 << 17),
}


@pytest.mark.parametrize("octets", WRONG.values(), ids=WRONG)
async def test_what_is_no_frame_is_refused(octets: bytes) -> None:
    with pytest.raises(BadFrame):
        await heard(octets)


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
        protocol.decoded(protocol.Frame(words))


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_frame_or_refused(octets: bytes) -> None:
    try:
        asyncio.run(heard(octets + b"\n"))
    except BadFrame:
        return


@pytest.mark.parametrize(
    ("word", "name"), [("ValueError", "ValueError"), ("a sentence", "?"), ("x" * 99, "?"), ([], "?")]
)
def test_of_an_exception_only_its_name_is_told(word: object, name: str) -> None:
    assert protocol.name_of(word) == name
