"""What an outsider writes is read in time that grows with its length, whatever it is."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from relay.mail import content_type, encoded_words, headers, mime
from relay.mail.addresses import addresses
from relay.mail.headers import Field

MUCH = 1_000_000
A_HEAD = "=?" + "a" * 60 + "*" + "b" * 60 + "?q?"


@contextmanager
def at_once() -> Iterator[None]:
    """Well below the seconds that quadratic time takes; what else the machine does is no matter."""
    begin = time.process_time()
    yield
    assert time.process_time() - begin < 1.5


def filled(before: str, piece: str, octets: int = MUCH) -> str:
    return before + piece * (octets // len(piece))


@pytest.mark.parametrize("piece", [A_HEAD, A_HEAD + "x", A_HEAD + "?", A_HEAD + "=?=", "=?x=?q?b?", "=?" + "a" * 79])
@pytest.mark.parametrize("before", ["", "=?a?Q?"])
def test_encoded_words(before: str, piece: str) -> None:
    with at_once():
        encoded_words.decode(filled(before, piece))


@pytest.mark.parametrize(
    "piece", ['"', "(", ")", "[", "\\", '\\"', '"\\a', "[a", "[<", "<", ",", '"a', '(")', "a(b)", "a", '"\\a"']
)
@pytest.mark.parametrize("before", ["", "(", '"', '("', "["])
def test_lists_of_addresses(before: str, piece: str) -> None:
    with at_once():
        list(addresses(filled(before, piece, MUCH // 2)))


def test_a_quoted_string_takes_little_memory() -> None:
    """What an expression could go back to took sixty octets for each quoted pair."""
    value = '"' + "\\a" * (MUCH // 2 - 1) + '"'
    tracemalloc.start()
    try:
        list(addresses(value))
        assert tracemalloc.get_traced_memory()[1] < 8 * MUCH
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "piece", [b" ", b"()", b"(", b"(a)", b"(a) ", b"\\", b'"', b'\\"', b";", b"a", b"\t(", b"a=", b"()a"]
)
@pytest.mark.parametrize("before", [b"", b"text", b"text/", b"text/a", b";", b";a", b";a=", b';a="', b";a=b", b";a=(a"])
def test_content_types(before: bytes, piece: bytes) -> None:
    """Also without the bound of what is read of one."""
    octets = before + piece * (100_000 // len(piece))
    with at_once():
        content_type.parse(Field(b"Content-Type:" + octets[:16_000]))
        content_type.parse(Field(b"Content-Type:text/plain" + octets[:16_000]))
        for expression in (content_type._TYPE, content_type._PARAMETER, content_type._NO_MORE):
            expression.match(octets)
            expression.match(b"Content-Type:" + octets)
            expression.match(octets + b"\0")


@pytest.mark.parametrize("piece", [b" ", b"--b", b"--b ", b"\n--b", b"\n--b" + b" " * 500, b"\n--b-", b"\n--b--\t"])
def test_delimiters(piece: bytes) -> None:
    content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b" + piece * (10 * MUCH // len(piece)) + b"x"
    with at_once():
        mime.parts(content, mime.root(content), b"b")


@pytest.mark.parametrize(
    "piece", [b"a", b" ", b":", b"a ", b"a:", b"a:\n", b"a:\n ", b"\n", b"\n ", b"a:\r", b"a" * 998 + b"\n"]
)
@pytest.mark.parametrize("before", [b"", b"a", b"a:", b"message-id", b"a:\nmessage-id"])
def test_header_blocks(before: bytes, piece: bytes) -> None:
    content = before + piece * (MUCH // len(piece))
    with at_once():
        headers.excessive(content)
        headers.message_id(content)
        if not headers.excessive(content):
            headers.split(content)
