"""The real certificates beside the repository (`../shared/certs`), and the table that says what they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.mail import armor, packets
from relay.mail.fingerprints import fingerprint
from relay.model import Address, Why

CERTS = Path(__file__).resolve().parents[2].parent / "shared" / "certs"

CASES = CERTS.parent / "cases"
"""Inputs from public reports that went wrong once, and what is right (README.md there)."""

needs_certs = pytest.mark.skipif(not CERTS.is_dir(), reason="../shared/certs is not there")

VERSION_3 = "This is a key of version 3, made by PGP 2: it is not safe, and GnuPG does not use it."
VERSION_6 = "This is a key of version 6, which GnuPG cannot read; with engine: sequoia it can be used."

WHY_NOT: dict[str, Why | str] = {
    "bre-samples/john.pgp": VERSION_3,
    "autocrypt/alice@autocrypt.example.pub.asc": Why.EXPIRED,
    "autocrypt/bob@autocrypt.example.pub.asc": Why.EXPIRED,
    "autocrypt/carol@autocrypt.example.pub.asc": Why.EXPIRED,
    "rpgp-interop/gnupg-v1-002.asc": Why.NO_ENCRYPTION,
    "rpgp-interop/gnupg-v1-004.asc": Why.SUBKEY_REVOKED,
    "rpgp-interop/openkeychain-001.asc": Why.NO_ENCRYPTION,
    "rpgp-interop/subkey-001.asc": Why.SUBKEY_REVOKED,
    "rpgp-interop/uid-001.asc": Why.NO_ENCRYPTION,
    "rpgp-interop/uid-002.asc": Why.NO_ENCRYPTION,
    "rpgp-interop/uid-003.asc": Why.NO_ENCRYPTION,
    "rpgp-rfc9580/v6-25519-annex-a-4/tsk.asc": VERSION_6,
    "rpgp-rfc9580/v6-ed25519-x448/tsk.asc": VERSION_6,
    "rpgp-rfc9580/v6-ed448-x448/tsk.asc": VERSION_6,
    "rpgp-rfc9580/v6-legacy_illegal/tsk.asc": VERSION_6,
    "rpgp-rfc9580/v6-nistp/tsk.asc": VERSION_6,
    "rpgp-rfc9580/v6-rsa/tsk.asc": VERSION_6,
    "rnp-validity/alice-pub.asc": Why.NO_ENCRYPTION,
    "rnp-validity/alice-sign-sub-exp-pub.asc": Why.EXPIRED,
    "rnp-validity/alice-sign-sub-pub.pgp": Why.NO_ENCRYPTION,
    "rnp-validity/basil-pub.asc": Why.NO_ENCRYPTION,
    "rnp-validity/claus-pub.asc": Why.NO_ENCRYPTION,
    "rnp-validity/alice-rev.pgp": "This is OpenPGP data, but does not begin with a public key.",  # a lone revocation
}
"""Why GnuPG does not encrypt to it, as the relay says it; what is not named here is usable."""

FORGED = {Address("bad@user.id")}
"""Stands in a user id that its key never signed."""

_SECRET_TO_PUBLIC = {packets.SECRET_KEY: packets.PUBLIC_KEY, packets.SECRET_SUBKEY: 14}


@dataclass(frozen=True)
class Row:
    """One line of the table: a file, its certificates, and what encrypts to it today."""

    file: str
    certificates: int
    user_ids: str
    gpg22: bool

    @property
    def path(self) -> Path:
        return CERTS / self.file


def table() -> list[Row]:
    """Every file of the table once; empty where the folder is not there."""
    if not CERTS.is_dir():
        return []
    lines = [line.split("|") for line in (CERTS / "README.md").read_text("utf-8").splitlines() if line.startswith("|")]
    rows = [
        Row(fields[1], int(fields[3]), fields[5], {"Y": True, "n": False}[fields[6]])
        for fields in lines
        if fields[2].isdigit() or not fields[2]
    ]
    return list({row.file: row for row in rows}.values())


def octets(path: Path) -> bytes:
    """What the file holds, in binary."""
    data = path.read_bytes()
    return b"".join(block.data for block in armor.dearmor(data)) if armor.is_armored(data) else data


def public_half(data: bytes) -> bytes:
    """A transferable secret key (RFC 9580 section 10.2) without its secrets; anything else as it is."""
    return b"".join(
        _public(packet.tag, packets.body(data, packet))
        if packet.tag in _SECRET_TO_PUBLIC
        else data[packet.start : packet.end]
        for packet in packets.walk(data)
    )


def _public(tag: int, body: bytes) -> bytes:
    public = body[: _public_length(body)]
    return bytes([0xC0 | _SECRET_TO_PUBLIC[tag], 0xFF]) + len(public).to_bytes(4, "big") + public


def _public_length(body: bytes) -> int:
    """Where the secret part begins (section 5.5.3)."""
    if body[0] == 6:
        return 10 + int.from_bytes(body[6:10], "big")
    at = 6
    for kind in {1: "mm", 18: "omo", 19: "om", 22: "om", 25: "32", 27: "32"}[body[5]]:
        match kind:
            case "m":
                at += 2 + (int.from_bytes(body[at : at + 2], "big") + 7) // 8
            case "o":
                at += 1 + body[at]
            case "3":
                at += 32
    return at


__all__ = ["CERTS", "FORGED", "WHY_NOT", "Row", "fingerprint", "needs_certs", "octets", "public_half", "table"]
