from __future__ import annotations

import time
from dataclasses import replace

import pytest
from lab.certificates import make_certificates, split
from lab.forge import BINDING, CERTIFICATION, CERTIFIES_AND_SIGNS, ENCRYPTS, SHA1, Key, Signed
from lab.shared import CERTS, needs_certs, octets

from relay.mail import packets
from relay.mail.certificate_parts import parts
from relay.mail.fingerprints import fingerprint
from relay.model import Certificate, Component
from relay.openpgp.weakness import with_weaknesses

NOW = int(time.time()) + 24 * 3600
"""A day after all keys of these tests were made."""


def components(data: bytes, *algorithms: str) -> list[Component]:
    keys = [p for p in packets.walk(data) if p.tag in {6, 14}]
    names = [*algorithms, *["ed25519"] * len(keys)]
    return [
        Component(fingerprint(packets.body(data, packet)), name, 0, None, encrypts=packet.tag == 14)
        for packet, name in zip(keys, names, strict=False)
    ]


def weaknesses(data: bytes, found: list[Component], at: float = NOW) -> tuple[str, ...]:
    """Of all that is judged at that time."""
    return Certificate(data, 4, with_weaknesses(found, parts(data), at), ()).weaknesses(at)


def with_hash(data: bytes, number: int, kinds: set[int]) -> bytes:
    """The signatures of these types, naming another hash: what the walk sees, not a valid one."""
    changed = bytearray(data)
    for packet in packets.walk(data):
        if packet.tag == 2 and data[packet.body_start + 1] in kinds:
            changed[packet.body_start + 3] = number
    return bytes(changed)


@pytest.fixture(scope="module")
def certificate() -> bytes:
    return make_certificates(1)[0]


def test_a_modern_certificate_has_none(certificate: bytes) -> None:
    assert weaknesses(certificate, components(certificate)) == ()


@pytest.mark.parametrize(
    ("algorithm", "words"),
    [
        ("rsa1024", ("RSA of 1024 bits",)),
        ("rsa2047", ("RSA of 2047 bits",)),
        ("rsa2048", ()),
        ("dsa3072", ("DSA of 3072 bits",)),
        ("elgamal4096", ("ElGamal of 4096 bits",)),
        ("nistp256", ()),
    ],
)
def test_algorithms(certificate: bytes, algorithm: str, words: tuple[str, ...]) -> None:
    assert weaknesses(certificate, components(certificate, algorithm)) == words


def test_a_sha_1_self_signature_counts_when_there_is_no_better_one(certificate: bytes) -> None:
    everywhere = with_hash(certificate, 2, {0x10, 0x13, 0x1F})
    assert weaknesses(everywhere, components(everywhere)) == ("SHA-1 self-signature",)
    somewhere = with_hash(certificate, 2, {0x13})
    assert weaknesses(somewhere, components(somewhere)) == ()


def test_a_sha_1_binding_counts_for_an_encryption_subkey_while_that_is_usable(certificate: bytes) -> None:
    bound = with_hash(certificate, 1, {0x18})
    found = components(bound)
    assert weaknesses(bound, found) == ("MD5 subkey binding",)
    ending = [found[0], *(replace(c, created=NOW - 10, expires=NOW + 10) for c in found[1:])]
    assert [weaknesses(bound, ending, NOW + late) for late in (-20, 0, 20)] == [(), ("MD5 subkey binding",), ()]


def test_a_subkey_s_binding_is_not_taken_for_the_primary_s(certificate: bytes) -> None:
    only_bindings = b"".join(octets for tag, octets in split(certificate) if tag != 13)
    assert weaknesses(only_bindings, components(only_bindings)) == ()


@needs_certs
def test_version_3_signatures_are_read() -> None:
    data = octets(CERTS / "rpgp-interop" / "pgp-6-5-001.asc")
    assert "SHA-1 self-signature" in weaknesses(data, components(data, "dsa1024"))


def test_a_key_that_does_not_say_what_it_is_for_has_no_key_flags() -> None:
    """GnuPG takes it by its algorithm, Sequoia does not."""
    key = Key()
    named = key.primary + key.user_id("<a@x.example>", Signed(CERTIFICATION, key.created, CERTIFIES_AND_SIGNS))
    silent, said = (named + key.subkey(key.created, Signed(BINDING, key.created, flags)) for flags in (0, ENCRYPTS))
    assert (weaknesses(silent, components(silent)), weaknesses(said, components(said))) == (("no key flags",), ())


def test_a_better_signature_that_has_ended_does_not_count() -> None:
    key = Key()
    weak = Signed(CERTIFICATION, key.created, CERTIFIES_AND_SIGNS, digest=SHA1)
    ended = Signed(CERTIFICATION, key.created, CERTIFIES_AND_SIGNS, lasts=10)
    certificate = key.primary + key.user_id("<a@x.example>", weak) + key.user_id("<b@x.example>", ended)
    found = components(certificate)
    assert weaknesses(certificate, found, key.created + 5) == ()
    assert weaknesses(certificate, found, key.created + 15) == ("SHA-1 self-signature",)
