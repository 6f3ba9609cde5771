"""Secret parts that gpg-agent has written are read as it means them, and it reads ours: whatever their octets are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from lab.gnupghome import gnupg_home, gpg

from relay.model import Address
from relay.model.errors import EngineError
from relay.model.own import OwnKey
from relay.openpgp import new_certificate, own, secret_parts, signing
from relay.openpgp.own import GnuPGKeyMaker
from relay.openpgp.scratch_home import ScratchHome

LATIN_1 = bytes([*b"\b\t\v\n\f\r", *range(0x21, 0x7F), *range(0xA1, 0x100)])
"""Of such octets alone, and blanks, Libgcrypt makes a quoted string. GnuPG loses some blanks when it folds the line."""
UNLIKELY = b"\"'\\()#\n\t\r\xe9x41n"
"""What might be mistaken in one."""
FIRST, LAST = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"08@HPX`hpx"
"""What a number of Curve25519 begins and ends with (RFC 7748 section 5) and a quoted string may."""


def secrets() -> list[bytes]:
    chance = Random(7)  # noqa: S311  not for secrets
    alphabets = [LATIN_1] * 6 + [UNLIKELY] * 6 + [bytes(range(256))] * 4 + [b"\\", b'"', b"\n"]
    inside = [bytes(chance.choices(alphabet, k=30)) for alphabet in alphabets]
    return [bytes([chance.choice(FIRST)]) + octets + bytes([chance.choice(LAST)]) for octets in inside]


@pytest.mark.parametrize("secret", secrets(), ids=bytes.hex)
def test_one_secret_part_in_some_thousand_could_not_be_read(secret: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """gpg takes it from our file, and its agent writes it down again in its own words."""
    private = X25519PrivateKey.from_private_bytes(secret[::-1])
    monkeypatch.setattr(X25519PrivateKey, "generate", lambda: private)
    new = new_certificate.make("a@hopital.example", 1_700_000_000, 0)
    kept = new.secrets[-1]
    with gnupg_home() as ours, gnupg_home() as theirs:
        for part in new.secrets:
            secret_parts.write(ours, part.keygrip, part.curve, part.public, part.secret)
        gpg(ours, "--import", content=new.data)
        gpg(theirs, "--import", content=gpg(ours, "--export-secret-keys").stdout)
        message = gpg(theirs, "--trust-model", "always", "-r", new.fingerprint, "--encrypt", content=b"reply").stdout
        unlocked = ("--pinentry-mode", "loopback", "--passphrase", "")
        assert gpg(theirs, *unlocked, "--decrypt", content=message).stdout == b"reply"
        file = secret_parts.path(theirs, kept.keygrip).read_bytes()
        assert (b'(d "' in file) == set(secret).issubset(LATIN_1), file
        assert secret_parts.read(theirs, kept.keygrip) == secret


@pytest.mark.parametrize("made_by", ["make", "rotate"])
async def test_a_key_was_published_whose_secret_part_gpg_had_written_down_wrong(
    home: Path, monkeypatch: pytest.MonkeyPatch, made_by: str
) -> None:
    organisation = await signing.generate_organisation(home, "Hospital")
    data = await signing.export_binary(home, organisation.fingerprint)
    maker = GnuPGKeyMaker(home, organisation.fingerprint, data, None)
    made = await maker.make([Address("bob@example.org")], 1000.0) if made_by == "rotate" else []
    exported = own._exported

    async def spoilt(scratch: ScratchHome, fingerprints: Sequence[str]) -> list[OwnKey]:
        keys = await exported(scratch, fingerprints)
        for subkey in keys[0].subkeys:
            secret_parts.path(home, subkey.keygrip).unlink()
            secret_parts.write(home, subkey.keygrip, secret_parts.Curve.CURVE25519, bytes(33), b"A" * 31 + b"P")
        return keys

    monkeypatch.setattr(own, "_exported", spoilt)
    with pytest.raises(EngineError):
        await (maker.rotate(made, 1000.0) if made else maker.make([Address("bob@example.org")], 1000.0))
