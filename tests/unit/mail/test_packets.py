"""OpenPGP framing: every header form, its faults, keyrings, and costs that stay linear."""

import contextlib
import itertools
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.mail.packets import MIN_PARTIAL, body, pkesk_key_id, split_certificates, walk
from relay.model.errors import OpenPgpError, SecretKeyFound

CERTS = Path(__file__).parents[4] / "shared" / "certs"


def new(tag: int, content: bytes) -> bytes:
    """A packet with a new header and the shortest length."""
    size = len(content)
    if size < 192:
        length = bytes([size])
    elif size < 8384:
        length = bytes([((size - 192) >> 8) + 192, (size - 192) & 0xFF])
    else:
        length = b"\xff" + size.to_bytes(4, "big")
    return bytes([0xC0 | tag]) + length + content


def old(tag: int, content: bytes, length_type: int) -> bytes:
    return bytes([0x80 | tag << 2 | length_type]) + len(content).to_bytes(1 << length_type, "big") + content


@pytest.mark.parametrize("size", [0, 1, 191, 192, 8383, 8384, 70_000])
def test_new_lengths(size: int) -> None:
    data = new(18, b"x" * size) + new(2, b"tail")
    first, second = walk(data)
    assert (first.tag, body(data, first)) == (18, b"x" * size)
    assert (second.tag, second.end, body(data, second)) == (2, len(data), b"tail")


@pytest.mark.parametrize("length_type", [0, 1, 2])
def test_old_lengths(length_type: int) -> None:
    data = old(6, b"k" * 200, length_type) + old(13, b"uid", 0)
    assert [(p.tag, body(data, p)) for p in walk(data)] == [(6, b"k" * 200), (13, b"uid")]


def test_an_indeterminate_length_runs_to_the_end_and_is_for_data_alone() -> None:
    data = bytes([0x80 | 8 << 2 | 3]) + b"all the rest"
    (packet,) = walk(data)
    assert body(data, packet) == b"all the rest"
    with pytest.raises(OpenPgpError):
        list(walk(bytes([0x80 | 6 << 2 | 3]) + b"key"))


def test_partial_lengths_are_joined() -> None:
    data = b"\xd2\xe9" + b"a" * 512 + b"\xea" + b"b" * 1024 + b"\xe9" + b"c" * 512 + b"\x03ddd" + new(2, b"")
    first, second = walk(data)
    assert first.partial
    assert body(data, first) == b"a" * 512 + b"b" * 1024 + b"c" * 512 + b"ddd"
    assert body(memoryview(data), first) == body(data, first)
    assert second.tag == 2


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"\xc0\x00",  # type 0
        b"\xd2",
        b"\xd2\xff\x00\x00",
        b"\xd2\xc1",
        b"\xd2\x05abc",
        b"\xd2\xe9" + b"a" * 512,  # no last chunk
        b"\xd2\xe9" + b"a" * 511,
        b"\xd2\xe0a\x00",  # a first chunk under 512 octets
        b"\xd2\xe9" + b"a" * 512 + b"\xe8" + b"b" * 256 + b"\x00",  # a second one
        b"\xd2\xe9" + b"a" * 512 + b"\xea" + b"b" * 1024 + b"\xe0c\x00",  # a third one
        b"\xc6\xe9" + b"a" * 512 + b"\x00",  # a key in pieces
        b"\x99\x01",
        new(18, b"x") + b"\r\n",
    ],
)
def test_what_is_cut_off_or_no_packet_is_told(data: bytes) -> None:
    with pytest.raises(OpenPgpError):
        list(walk(data))


@given(st.binary(max_size=3000))
@example(b"\xd2\xfe")
def test_random_octets_raise_nothing_else_and_packets_tile_the_data(data: bytes) -> None:
    end = 0
    try:
        for packet in walk(data):
            assert packet.start == end < packet.body_start <= packet.end <= len(data)
            body(data, packet)
            end = packet.end
    except OpenPgpError:
        return
    assert end == len(data)


@given(st.lists(st.tuples(st.integers(1, 63), st.binary(max_size=400)), max_size=8))
def test_what_was_framed_is_read_back(content: list[tuple[int, bytes]]) -> None:
    data = b"".join(new(tag, octets) for tag, octets in content)
    assert [(p.tag, body(data, p)) for p in walk(data)] == content


def test_a_keyring_is_cut_at_each_primary_key() -> None:
    first = new(6, b"one") + new(13, b"uid") + new(14, b"sub")
    second = old(6, b"two", 1) + new(13, b"uid")
    assert split_certificates(new(10, b"PGP") + first + second) == [first, second]


@pytest.mark.parametrize("tag", [5, 7])
def test_a_secret_key_is_told_apart_wherever_it_stands(tag: int) -> None:
    with pytest.raises(SecretKeyFound):
        split_certificates(new(6, b"k") + new(13, b"uid") + new(tag, b"secret"))


@pytest.mark.parametrize("data", [b"", new(10, b"PGP"), new(1, b"x"), new(13, b"uid") + new(6, b"k"), b"no key"])
def test_what_does_not_begin_as_a_certificate_is_none(data: bytes) -> None:
    with pytest.raises(OpenPgpError) as raised:
        split_certificates(data)
    assert not isinstance(raised.value, SecretKeyFound)


def test_a_truncated_keyring_is_refused_whole() -> None:
    with pytest.raises(OpenPgpError):
        split_certificates(new(6, b"one") + new(6, b"two")[:-1])


FINGERPRINT = bytes(range(32))


@pytest.mark.parametrize(
    ("octets", "key_id"),
    [
        (b"\x03" + bytes(range(0xA0, 0xA8)) + b"\x12rest", "A0A1A2A3A4A5A6A7"),
        (b"\x03" + bytes(8) + b"\x12", "0" * 16),
        (b"\x06\x00\x19", "0" * 16),
        (b"\x06\x15\x04" + FINGERPRINT[:20] + b"\x19", "0C0D0E0F10111213"),
        (b"\x06\x21\x06" + FINGERPRINT + b"\x19", "0001020304050607"),
    ],
)
def test_the_recipient_of_a_session_key_packet(octets: bytes, key_id: str) -> None:
    assert pkesk_key_id(octets) == key_id
    assert pkesk_key_id(memoryview(octets)) == key_id


@pytest.mark.parametrize(
    "octets", [b"", b"\x03", b"\x02" + bytes(20), b"\x06\x15\x04short", b"\x06\x21\x04" + bytes(40)]
)
def test_an_unknown_session_key_packet_names_nobody(octets: bytes) -> None:
    with pytest.raises(OpenPgpError):
        pkesk_key_id(octets)


@given(st.binary(max_size=40))
def test_random_session_key_packets_raise_nothing_else(octets: bytes) -> None:
    with contextlib.suppress(OpenPgpError):
        assert len(pkesk_key_id(octets)) == 16


class Counting(bytes):
    """Bytes that count how often they are read."""

    reads = 0

    def __getitem__(self, key: object) -> object:  # type: ignore[override]  # counts, whatever the key
        Counting.reads += 1
        return super().__getitem__(key)  # type: ignore[call-overload]  # likewise


@pytest.mark.parametrize("chunks", [1000, 4000])
def test_the_cost_grows_with_the_headers_not_with_the_octets(chunks: int) -> None:
    data = Counting(b"\xd2" + (b"\xe9" + bytes(512)) * chunks + b"\x00")
    Counting.reads = 0
    (packet,) = walk(data)
    assert packet.end == len(data)
    assert Counting.reads <= 3 * chunks + 10


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.integers(0, 191))
def test_every_partial_length_has_the_minimum_and_not_the_first_alone(exponents: list[int], last: int) -> None:
    data = b"\xd2" + b"".join(bytes([0xE0 | n]) + bytes(1 << n) for n in exponents) + bytes([last]) + bytes(last)
    if all(1 << n >= MIN_PARTIAL for n in exponents):
        (packet,) = walk(data)
        assert len(body(data, packet)) == sum(1 << n for n in exponents) + last
    else:
        with pytest.raises(OpenPgpError):
            list(walk(data))


def test_eight_megabytes_in_pieces_of_one_octet_cost_one_look_each_until_they_are_refused() -> None:
    data = Counting(b"\xd2\xe9" + bytes(512) + b"\xe0x" * (4 << 20) + b"\x00")
    Counting.reads = 0
    with pytest.raises(OpenPgpError):
        list(walk(data))
    assert Counting.reads < 10


def test_packets_are_counted() -> None:
    data = new(21, b"") * 30
    assert len(list(walk(data, most=30))) == 30
    with pytest.raises(OpenPgpError, match="too many"):
        list(walk(data, most=29))
    with pytest.raises(OpenPgpError, match="too many"):
        split_certificates(new(6, b"k") + data, most=30)


@pytest.mark.skipif(not CERTS.exists(), reason="../shared/certs is not there")
def test_real_certificates_are_walked_or_told() -> None:
    read = 0
    for path in itertools.chain(CERTS.rglob("*.pgp"), CERTS.rglob("*.gpg"), CERTS.rglob("*.key")):
        try:
            read += len(split_certificates(path.read_bytes()))
        except OpenPgpError:
            continue
    assert read
