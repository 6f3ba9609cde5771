"""A number that is no point of its curve is no key that can be encrypted to."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lab.forge import mpi, subkey_body

from relay.openpgp.curves import is_on_its_curve

NAMED = {
    "2a8648ce3d030107": ec.SECP256R1(),
    "2b81040022": ec.SECP384R1(),
    "2b81040023": ec.SECP521R1(),
    "2b8104000a": ec.SECP256K1(),
    "2b2403030208010107": ec.BrainpoolP256R1(),
    "2b240303020801010b": ec.BrainpoolP384R1(),
    "2b240303020801010d": ec.BrainpoolP512R1(),
}


def body(oid: str, point: bytes) -> bytes:
    octets = bytes.fromhex(oid)
    return b"\x04\0\0\0\0\x12" + bytes([len(octets)]) + octets + mpi(point) + bytes.fromhex("03010807")


@pytest.mark.parametrize("oid", NAMED)
def test_a_point_and_what_is_none(oid: str) -> None:
    public = ec.generate_private_key(NAMED[oid]).public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert is_on_its_curve(body(oid, point))
    compressed = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    for wrong in (point[:-1], point + b"\1", point[:-1] + bytes([point[-1] ^ 1]), compressed, b"\4", b""):
        assert not is_on_its_curve(body(oid, wrong))


def test_curve25519_has_its_prefix_and_length() -> None:
    good, _ = subkey_body(0)
    oid = "2b060104019755010501"
    assert is_on_its_curve(good)
    assert not is_on_its_curve(body(oid, b"\x40" + bytes(30) + b"x"))
    assert not is_on_its_curve(body(oid, b"\x41" + bytes(31) + b"x" * 2))
    assert not is_on_its_curve(body(oid, b"\x42" + b"x" * 32))


@pytest.mark.parametrize(
    "octets", [b"", b"\4", b"\4\0\0\0\0\x12", b"\4\0\0\0\0\x12\x08*", b"\4\0\0\0\0\1\x08", b"\6\0\0\0\0\x12"]
)
def test_of_others_and_of_what_is_cut_off_nothing_is_said(octets: bytes) -> None:
    assert is_on_its_curve(octets)
