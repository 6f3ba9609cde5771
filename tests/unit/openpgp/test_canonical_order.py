from __future__ import annotations

import pytest
from lab.certificates import SIGNATURE, join, make_keypair, split

from relay.openpgp.canonical_order import in_order, same

PAIR = make_keypair("Bob <bob@example.org>", "Robert <robert@example.org>")
PARTS = split(PAIR.public)
REVOCATION = (SIGNATURE, PAIR.revocation)
KEY, DIRECT, USER_ID, CERTIFICATION = PARTS[:4]
SUBKEYS = next(at for at, (tag, _) in enumerate(PARTS) if tag == 14)


def test_what_people_publish_and_what_they_revoke_is_in_order() -> None:
    assert in_order(PAIR.public)
    assert in_order(join([KEY, REVOCATION, *PARTS[1:]]))
    assert in_order(join([KEY, DIRECT, REVOCATION, *PARTS[2:]]))
    assert in_order(join([KEY, *PARTS[2:]])), "without a direct key signature, as GnuPG makes them"
    assert in_order(join(PARTS[:SUBKEYS]))


@pytest.mark.parametrize(
    "parts",
    [
        [*PARTS, REVOCATION],
        [KEY, DIRECT, USER_ID, REVOCATION, *PARTS[3:]],
        [KEY, USER_ID, CERTIFICATION, DIRECT, *PARTS[4:]],
        [KEY, DIRECT, DIRECT, *PARTS[2:]],
        [KEY, DIRECT, USER_ID, CERTIFICATION, CERTIFICATION, *PARTS[4:]],
        [KEY, DIRECT, USER_ID, *PARTS[4:]],
        [*PARTS, PARTS[-1]],
        [*PARTS[:SUBKEYS], *PARTS[SUBKEYS + 1 :]],
        [*PARTS, USER_ID, CERTIFICATION],
        [KEY, DIRECT, *PARTS[SUBKEYS:]],
        [*PARTS[:-1], (17, b"\xd1\x01x"), PARTS[-1]],
        [*PARTS[:-1], (SIGNATURE, b"\xc2\x00")],
        [*PARTS[:-1], (SIGNATURE, b"\xc2\x02\x03\x18")],
    ],
    ids=[
        "a revocation at the end",
        "a revocation of the key under a user id",
        "a direct key signature under a user id",
        "two direct key signatures",
        "two signatures of a user id",
        "a user id without one",
        "two bindings of a subkey",
        "a binding without its subkey",
        "a user id after the subkeys",
        "no user id",
        "a photograph",
        "an empty signature",
        "a signature of version 3",
    ],
)
def test_anything_else_is_for_gnupg_to_put_in_order(parts: list[tuple[int, bytes]]) -> None:
    assert not in_order(join(parts))


def test_the_same_packets_are_the_same_however_their_lengths_are_written() -> None:
    tag, octets = PARTS[0]
    body = octets[2:]
    assert octets[:2] == bytes([0xC0 | tag, len(body)])
    old = bytes([0x80 | tag << 2, len(body)]) + body
    assert same(PAIR.public, join([(tag, old), *PARTS[1:]]))
    assert not same(PAIR.public, join([*PARTS[:-1]]))
    assert not same(PAIR.public, join([*PARTS[:2], *PARTS[4:6], *PARTS[2:4], *PARTS[6:]]))
    changed = bytearray(PAIR.public)
    changed[-1] ^= 1
    assert not same(PAIR.public, bytes(changed))
