"""`explain` for mail that the relay takes from nobody: it told of rules and keys, as if that mail were on its way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lab.relay import Relay

RECEIVED = b"Received: from a by b; Mon, 30 Nov 2026 10:00:00 +0000\r\n"
NOT_TAKEN = {
    b"Subject: x\r\n\r\na\0b\r\n": "554 5.6.0 Bare CR, bare LF or NUL in the message",
    b"Subject: x\r\n\r\na\rb\r\n": "554 5.6.0 Bare CR, bare LF or NUL in the message",
    RECEIVED * 51 + b"\r\nbody\r\n": "554 5.4.6 Too many hops",
    b"X:\r\n" * 120_001 + b"\r\nbody\r\n": "552 5.3.4 The header of the message is too large",
    b"\r\n" + b"a line\r\n" * 200_000: "552 5.3.4 Message larger than 1000000 octets",
}
TO = ("--to", "dr.martin@hopital.example", "--message", "-")


@pytest.fixture(scope="module")
def hospital() -> Iterator[Relay]:
    inbound = {"listen": ["lmtp://127.0.0.1:10035"], "reinject": "smtp://127.0.0.1:10036"}
    own = {"domains": ["hopital.example"]}
    with Relay({"max_message_size": "1MB", "policy": [{"name": "all"}], "own": own, "inbound": inbound}) as relay:
        yield relay


def explained(relay: Relay, content: bytes, *words: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(relay.run("explain", "--json", *words, *TO, content=content).stdout)
    return read


@pytest.mark.parametrize("way", [("--from", "a@b.example"), ("--inbound",)], ids=["out", "in"])
@pytest.mark.parametrize(("content", "reply"), NOT_TAKEN.items(), ids=["NUL", "CR", "hops", "header", "size"])
def test_mail_that_no_relay_takes_was_to_be_encrypted(
    hospital: Relay, content: bytes, reply: str, way: tuple[str, ...]
) -> None:
    told = explained(hospital, content, *way)
    assert (told["action"], told["rule"]) == ("refuse", "")
    assert told["reason"] == f"the relay does not take it: {reply}"


@pytest.mark.parametrize("way", [("--from", "a@b.example"), ("--inbound",)], ids=["out", "in"])
def test_it_is_told_in_one_line_to_people(hospital: Relay, way: tuple[str, ...]) -> None:
    printed = hospital.run("explain", *way, *TO, content=b"\r\na\0b\r\n").stdout.decode()
    first, *more = printed.splitlines()
    assert first == "refuse: the relay does not take it: 554 5.6.0 Bare CR, bare LF or NUL in the message"
    assert [line.split()[0] for line in more] == (["recipient"] if way == ("--inbound",) else [])


def test_lines_of_a_file_may_end_in_lf_some_or_all(hospital: Relay) -> None:
    for content in (b"Subject: x\n\nbody\n", b"Subject: x\r\n\nbody\n"):
        assert explained(hospital, content, "--from", "a@b.example")["rule"] == "all"
