"""Whether the public key of an ECDH subkey is a point that can be encrypted to (RFC 9580 sections 5.5.5.6 and 9.2).

A subkey may name a curve that every engine knows and hold a number that is no point of it. Engines find that out when
they encrypt, and every mail to this key would wait in vain.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec

_ECDH = 18
_MATERIAL = 6
"""The offset of the key material in the body of a version 4 key packet, in octets."""
_CURVES: dict[bytes, ec.EllipticCurve] = {
    bytes.fromhex("2a8648ce3d030107"): ec.SECP256R1(),
    bytes.fromhex("2b81040022"): ec.SECP384R1(),
    bytes.fromhex("2b81040023"): ec.SECP521R1(),
    bytes.fromhex("2b8104000a"): ec.SECP256K1(),
    bytes.fromhex("2b2403030208010107"): ec.BrainpoolP256R1(),
    bytes.fromhex("2b240303020801010b"): ec.BrainpoolP384R1(),
    bytes.fromhex("2b240303020801010d"): ec.BrainpoolP512R1(),
}
_CURVE25519 = bytes.fromhex("2b060104019755010501")
_PREFIXED = 33
"""Octets of a point of Curve25519, with the 0x40 before it."""


def is_on_its_curve(body: bytes) -> bool:
    """False for a version 4 ECDH key whose number is no point of its curve; True for all other keys."""
    if body[:1] != b"\x04" or body[_MATERIAL - 1 : _MATERIAL] != bytes([_ECDH]):
        return True
    size = next(iter(body[_MATERIAL:]), 0)
    oid = body[_MATERIAL + 1 : _MATERIAL + 1 + size]
    at = _MATERIAL + 1 + size
    octets = (int.from_bytes(body[at : at + 2], "big") + 7) // 8
    point = body[at + 2 : at + 2 + octets]
    if oid == _CURVE25519:
        return len(point) == _PREFIXED and point[0] == 0x40
    return oid not in _CURVES or _is_point(_CURVES[oid], point)


def _is_point(curve: ec.EllipticCurve, point: bytes) -> bool:
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    except ValueError:
        return False
    return point[0] == 0x04  # compressed ones are not for OpenPGP
