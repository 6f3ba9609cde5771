"""ASCII armor: what is written is read back, and what is broken is told."""

import base64
import binascii
import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail.armor import Block, dearmor, enarmor, is_armored, locate
from relay.model.errors import OpenPgpError

CERTS = Path(__file__).parents[4] / "shared" / "certs"
HELLO = b"-----BEGIN PGP MESSAGE-----\nVersion: X\nComment: a: b\n\naGVs\nbG8=\n=abcd\n-----END PGP MESSAGE-----\n"


@given(st.binary(max_size=2000), st.sampled_from(["MESSAGE", "PUBLIC KEY BLOCK", "SIGNATURE"]))
def test_what_is_written_is_read_back(data: bytes, kind: str) -> None:
    assert dearmor(enarmor(data, kind)) == [Block(kind, data)]


@pytest.mark.parametrize("size", [57 * 4096 + n for n in (-1, 0, 1, 57)] + [2 * 57 * 4096])
def test_long_data_is_read_back(size: int) -> None:
    data = bytes(n % 251 for n in range(size))
    assert dearmor(enarmor(data, "MESSAGE"))[0].data == data


def crc24(data: bytes) -> int:
    """RFC 9580 section 6.1.1, bit by bit."""
    crc = 0xB704CE
    for octet in data:
        crc ^= octet << 16
        for _ in range(8):
            crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    return crc


@pytest.mark.parametrize("size", [998, 999, 1000])
def test_written_armor_is_crlf_and_76_columns(size: int) -> None:
    data = bytes(n % 251 for n in range(size))
    lines = enarmor(data, "MESSAGE").split(b"\r\n")
    assert lines[:2] == [b"-----BEGIN PGP MESSAGE-----", b""]
    assert lines[-2:] == [b"-----END PGP MESSAGE-----", b""]
    assert {len(line) for line in lines[2:-4]} == {76}
    assert b"".join(lines[2:-3]) == base64.b64encode(data)


@given(st.binary(max_size=300))
def test_gpg_2_2_finds_the_checksum_without_which_it_cannot_read_base64_that_needs_no_padding(data: bytes) -> None:
    checksum = enarmor(data, "MESSAGE").split(b"\r\n")[-3]
    assert checksum == b"=" + base64.b64encode(crc24(data).to_bytes(3, "big"))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r", b" \t\r\n"])
@pytest.mark.parametrize("before", [b"", b"Dear all,\n-----BEGIN\n", b"\xef\xbb\xbf\n"])
def test_any_line_ending_and_text_around(ending: bytes, before: bytes) -> None:
    text = (before + HELLO + b"Regards\n").replace(b"\n", ending)
    assert dearmor(text) == [Block("MESSAGE", b"hello")]
    assert is_armored(text)


def test_blocks_in_a_row_and_where_they_stand() -> None:
    text = HELLO + b"between\n" + enarmor(b"key", "PUBLIC KEY BLOCK")
    first, second = locate(text)
    assert dearmor(text) == [Block("MESSAGE", b"hello"), Block("PUBLIC KEY BLOCK", b"key")]
    assert text[first.start : first.end] == HELLO.strip()
    assert first.headers == (b"Version: X", b"Comment: a: b")
    assert text[first.end : second.start].strip() == b"between"


@pytest.mark.parametrize("checksum", [b"=abcd\n", b"=ab\n", b"", b"=aa==\n"])
def test_a_checksum_never_decides(checksum: bytes) -> None:
    assert dearmor(HELLO.replace(b"=abcd\n", checksum))[0].data == b"hello"


@pytest.mark.parametrize(
    "text",
    [
        HELLO[: HELLO.index(b"-----END")],
        HELLO.replace(b"END PGP MESSAGE", b"END PGP SIGNATURE"),
        HELLO.replace(b"aGVs", b"aG*s"),
        HELLO.replace(b"aGVs", b"aGV"),
        HELLO.replace(b"bG8=", b"bG8=bG8="),
        HELLO.replace(b"aGVs\nbG8=\n=abcd\n", b"aGVs-----END PGP MESSAGE-----\n"),
        HELLO.replace(b"Version: X\nComment: a: b\n\n", b""),
        HELLO.replace(b"Version: X\n", b"Version: X\n" * 50),
        HELLO.replace(b"Version: X\n", b"Version: " + b"X" * 5000 + b"\n"),
        HELLO + HELLO[:60],
    ],
)
def test_broken_armor_is_told(text: bytes) -> None:
    with pytest.raises(OpenPgpError):
        dearmor(text)


def test_padding_in_the_middle_of_long_base64_is_told() -> None:
    window = (b"A" * ((1 << 20) - 2)) + b"=="
    assert dearmor(HELLO.replace(b"aGVs\nbG8=", window))[0].data == bytes((1 << 20) // 4 * 3 - 2)
    with pytest.raises(OpenPgpError):
        dearmor(HELLO.replace(b"aGVs\nbG8=", window + b"aGVs"))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b" \t\r\n"])
@pytest.mark.parametrize("columns", [5, 64, 76, 1 << 20])
def test_long_base64_in_lines_of_any_length_is_read(columns: int, ending: bytes) -> None:
    data = bytes(range(256)) * 6000
    digits = binascii.b2a_base64(data, newline=False)
    text = ending.join(digits[at : at + columns] for at in range(0, len(digits), columns))
    assert dearmor(HELLO.replace(b"aGVs\nbG8=", text))[0].data == data


PAGES = """
import resource
from relay.mail.armor import dearmor, enarmor
from relay.process.memory import return_freed_memory

return_freed_memory()
data = bytes(8_000_000)
text = enarmor(data, "MESSAGE")
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
(block,) = dearmor(text)
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
assert block.data == data
print(faults * resource.getpagesize() / len(data))
"""


def test_reading_takes_no_more_memory_from_the_system_than_what_is_read() -> None:
    """Where freed memory is given back, each window of 1 MB was taken anew: page by page, 4.3 times the data."""
    done = subprocess.run([sys.executable, "-c", PAGES], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.5


@pytest.mark.parametrize("text", [b"", b"text", b"> " + HELLO, b"-----BEGIN PGP MESSAGE----- and more\n"])
def test_text_without_a_block(text: bytes) -> None:
    assert dearmor(text) == []
    assert not is_armored(text)


def test_a_cleartext_signature_is_its_signature_block_alone() -> None:
    text = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nhi\n" + enarmor(b"sig", "SIGNATURE")
    assert dearmor(text) == [Block("SIGNATURE", b"sig")]


@given(st.binary(max_size=300), st.integers(0, 120), st.integers(0, 120))
def test_random_text_raises_nothing_else(noise: bytes, start: int, stop: int) -> None:
    with contextlib.suppress(OpenPgpError):
        dearmor(HELLO[:start] + noise + HELLO[stop:])


def test_many_false_beginnings_are_read_once() -> None:
    assert dearmor(b"-----BEGIN PGP " * 200_000) == []
    assert len(dearmor(HELLO * 5000)) == 5000


@pytest.mark.skipif(not CERTS.exists(), reason="../shared/certs is not there")
def test_real_certificates() -> None:
    blocks = [dearmor(path.read_bytes()) for path in CERTS.rglob("*.asc")]
    assert sum(map(len, blocks)) >= len(blocks) > 5
