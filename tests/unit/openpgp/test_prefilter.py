from __future__ import annotations

import pytest
from lab.certificates import fingerprint, make_certificates, make_keypair

from relay.model import Unreadable
from relay.openpgp import prefilter as module
from relay.openpgp.prefilter import screen


def test_a_certificate_is_named_by_its_fingerprint() -> None:
    [certificate] = make_certificates(1)
    assert screen(certificate) == fingerprint(certificate)


@pytest.mark.parametrize(
    ("blob", "word"),
    [
        (b"", "no public key"),
        (b"hello", "no OpenPGP"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "no OpenPGP"),
        (b"\xc6\x05\x04\x00\x00", "cut off"),
        (b"\xc6\x06\x03\x00\x00\x00\x00\x01", "version 3"),
        (b"\xc6\x06\x02\x00\x00\x00\x00\x01", "version 3"),
        (b"\xc6\x06\x05\x00\x00\x00\x00\x01", "version 5"),
        (b"\xc6\x06\x06\x00\x00\x00\x00\x01", "version 6"),
        (b"\xc6\x06\x04\x00\x00\x00\x00\x1b", "Ed25519 (algorithm 27), which GnuPG cannot read"),
        (b"\xc6\x06\x04\x00\x00\x00\x00\x1c", "Ed448 (algorithm 28), which GnuPG cannot read"),
        (b"\xc6\x00", "version 0"),
        (b"\xcd\x03bob", "does not begin with a public key"),
    ],
)
def test_what_is_no_certificate_is_turned_away_in_words(blob: bytes, word: str) -> None:
    verdict = screen(blob)
    assert isinstance(verdict, Unreadable)
    assert word in verdict.reason
    assert verdict.reason[0].isupper()
    assert verdict.reason.endswith(".")


def test_a_secret_key_is_turned_away() -> None:
    assert "secret" in str(screen(make_keypair("Bob <bob@example.org>").secret))


def test_two_certificates_are_not_one() -> None:
    assert screen(b"".join(make_certificates(2))) == Unreadable("These are several keys.")


def test_a_truncated_certificate_is_turned_away() -> None:
    [certificate] = make_certificates(1)
    assert isinstance(screen(certificate[:-1]), Unreadable)


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    [certificate] = make_certificates(1)
    user_ids = b"\xcd\x01x" * module.MOST_PACKETS
    assert screen(certificate + user_ids) == Unreadable("This key has too many signatures.")
    monkeypatch.setattr(module, "MOST_OCTETS", 100)
    assert "larger" in str(screen(certificate))
