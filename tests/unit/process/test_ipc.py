"""Frames between our processes: what is said is heard, by waiting and by asyncio, and nothing beyond the limits is."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import threading
from collections.abc import Callable

import pytest

from relay.process import ipc
from relay.process.ipc import BadFrame, Channel, CutOff, Frame, Limits

LIMITS = Limits(words=1 << 12, strings=64, octets=1 << 20)


def blocking(octets: bytes, limits: Limits = LIMITS) -> list[Frame]:
    ours, theirs = socket.socketpair()

    def say() -> None:
        with theirs:
            theirs.sendall(octets)

    thread = threading.Thread(target=say)
    thread.start()
    found = []
    with ours:
        try:
            while frame := ipc.receive(ours, limits):
                found.append(frame)
        finally:
            ours.shutdown(socket.SHUT_RDWR)
            thread.join()
    return found


async def streaming(octets: bytes, limits: Limits = LIMITS) -> list[Frame]:
    reader = asyncio.StreamReader()
    reader.feed_data(octets)
    reader.feed_eof()
    channel = Channel(reader, None)  # type: ignore[arg-type]  # nothing is written
    found = []
    while frame := await channel.receive(limits):
        found.append(frame)
    return found


def both(octets: bytes, limits: Limits = LIMITS) -> list[Frame]:
    found = blocking(octets, limits)
    assert asyncio.run(streaming(octets, limits)) == found
    return found


def test_what_is_said_is_heard() -> None:
    chance = random.Random(7)  # noqa: S311  a fixed seed
    for _ in range(60):
        frames = [
            Frame(
                {"number": number, "text": "é" * chance.randrange(9), "list": [None, True, 1.5]},
                tuple(chance.randbytes(chance.choice((0, 1, 70_000))) for _ in range(chance.randrange(4))),
            )
            for number in range(chance.randrange(4))
        ]
        said = b"".join(piece for frame in frames for piece in ipc.encode(frame.words, frame.strings))
        assert both(said) == frames


def frame(said: bytes, *sizes: int, count: int | None = None, length: int | None = None) -> bytes:
    head = struct.pack("!IQ", len(sizes) if count is None else count, len(said) if length is None else length)
    return head + b"".join(struct.pack("!Q", size) for size in sizes) + said


WRONG = {
    "no JSON": frame(b"nonsense"),
    "not UTF-8": frame(b'"\xff"'),
    "no object": frame(b"[1]"),
    "without bottom": frame(b"[" * 4000),
    "too much JSON": frame(b"", length=LIMITS.words + 1),
    "endless JSON": frame(b"", length=(1 << 64) - 1),
    "too many strings": frame(b"{}", count=LIMITS.strings + 1),
    "endlessly many strings": frame(b"{}", count=(1 << 32) - 1),
    "too long a string": frame(b"{}", LIMITS.octets + 1),
    "too much in all": frame(b"{}", LIMITS.octets, 1),
    "an endless string": frame(b"{}", (1 << 64) - 1),
    "a line of text": b"gnutls: warning: something is not as it should be\n",
}


@pytest.mark.parametrize("octets", WRONG.values(), ids=WRONG)
def test_what_is_no_frame_is_refused(octets: bytes) -> None:
    with pytest.raises(BadFrame):
        blocking(octets)
    with pytest.raises(BadFrame):
        asyncio.run(streaming(octets))


def test_what_is_cut_off_anywhere_is_told_as_that() -> None:
    whole = b"".join(ipc.encode({"a": 1}, [b"xyz", b""]))
    assert len(both(whole)) == 1
    for length in range(1, len(whole)):
        with pytest.raises(CutOff):
            blocking(whole[:length])
        with pytest.raises(CutOff):
            asyncio.run(streaming(whole[:length]))


def test_whatever_comes_is_a_frame_or_refused(record_property: Callable[[str, object], None]) -> None:
    chance, refused = random.Random(11), 0  # noqa: S311  a fixed seed
    whole = b"".join(ipc.encode({"answer": 1, "kind": "x"}, [b"some octets", b"more"]))
    for _ in range(2000):
        octets = bytearray(whole if chance.random() < 0.8 else chance.randbytes(chance.randrange(60)))
        for _ in range(chance.randrange(1, 4)):
            if octets:
                octets[chance.randrange(len(octets))] = chance.randrange(256)
        try:
            found = asyncio.run(streaming(bytes(octets)))
        except BadFrame:
            refused += 1
        else:
            assert all(isinstance(one.words, dict) for one in found)
    record_property("counted", f"2000 damaged frames: {refused} refused")
    assert 500 < refused < 2000


def test_a_sender_keeps_to_the_limits_too() -> None:
    small = Limits(words=20, strings=2, octets=10)
    ipc.encode({"a": 1}, [b"12345", b"12345"], small)
    for words, strings in (({"a": "x" * 20}, []), ({}, [b""] * 3), ({}, [b"123456", b"12345"])):
        with pytest.raises(BadFrame):
            ipc.encode(words, strings, small)


async def test_a_channel_tells_when_the_other_end_takes_no_more_and_outlives_its_end() -> None:
    ours, theirs = socket.socketpair()
    channel = await Channel.open(ours)
    assert channel.idle
    while channel.idle:
        channel.send({"x": "y" * 1000})
    heard = await asyncio.to_thread(ipc.receive, theirs, LIMITS)
    assert heard == Frame({"x": "y" * 1000})
    theirs.close()
    assert await channel.receive(LIMITS) is None
    for _ in range(10):
        channel.send({"nobody": "hears"})
    channel.close()


def test_the_words_are_json() -> None:
    (head,) = ipc.encode({"a": 1})
    assert json.loads(head[12:]) == {"a": 1}
