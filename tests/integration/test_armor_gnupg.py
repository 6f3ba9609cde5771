"""What GnuPG makes of our armor, and of other people's: of keys we read what it reads."""

from __future__ import annotations

import pytest
from lab.armors import variants
from lab.certificates import make_keypair
from lab.gnupghome import gnupg_home, gpg

from relay.mail import key_armor
from relay.mail.armor import dearmor, enarmor


@pytest.mark.parametrize("length", range(100, 112))
def test_gnupg_reads_armor_whose_base64_needs_no_padding(length: int) -> None:
    """Without a checksum it took the last line, -----END…, for base64 in a third of all messages."""
    text = bytes(length)
    literal = b"\xcb" + bytes([length + 6]) + b"b\0\0\0\0\0" + text
    armored = enarmor(literal, "MESSAGE")
    assert dearmor(armored)[0].data == literal
    with gnupg_home() as home:
        read = gpg(home, "--dearmor", content=armored)
    assert read.stdout == literal
    assert b"invalid radix64" not in read.stderr


def test_keys_are_read_from_each_variant_of_armor_that_gnupg_imports() -> None:
    key = make_keypair("Bob <bob@example.org>").public
    for name, text in variants(key).items():
        with gnupg_home() as home:
            imported = gpg(home, "--import", content=text, check=False)
        assert b"IMPORT_OK 1 " in imported.stderr, name
        assert [block.data for block in key_armor.dearmor(text)] == [key], name
