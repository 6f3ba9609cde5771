"""What a signature is worth, once the OpenPGP software has said whether it holds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import pytest
from lab.forge import CERTIFICATION, SHA1, Key, Signed
from lab.synthetic import CREATED, certificate

from relay.mail import packets
from relay.mail.signed_message import SignedMessage
from relay.model import Certificate
from relay.model.opened import Signature, Validity
from relay.openpgp.judged_signatures import judged

BOB = Key(CREATED)
NOW = int(time.time())
"""When this file was read: the whole suite may run for long before its tests do."""
DAY = 86400


def of(key: Key, **primary: object) -> Certificate:
    made = certificate("bob")
    head = replace(made.primary, fingerprint=key.fingerprint, **primary)  # type: ignore[arg-type]  # its fields
    return replace(made, components=(head, *made.components[1:]))


def signature(key: Key = BOB, **said: object) -> bytes:
    made = key.sign(Signed(**({"kind": 0, "created": NOW - 60} | said)), b"")  # type: ignore[arg-type]  # its fields
    return packets.body(made, next(packets.walk(made)))


@dataclass
class Says:
    """`Verifier`: the same of every signature, or by the certificate's fingerprint."""

    validity: Validity
    others: dict[str, Validity] = field(default_factory=dict)
    asked: int = 0

    async def verdict(self, signed: SignedMessage, body: bytes, signer: Certificate) -> Validity:
        del signed, body
        self.asked += 1
        return self.others.get(signer.fingerprint, self.validity)


async def found(body: bytes, *signers: Certificate, says: Validity = Validity.GOOD) -> Signature:
    (one,) = await judged(SignedMessage(b"", (body,)), signers, Says(says))
    return one


@pytest.mark.parametrize(
    ("facts", "validity"),
    [
        ({}, Validity.GOOD),
        ({"revoked": True}, Validity.REVOKED),
        ({"expires": NOW - 1}, Validity.EXPIRED),
        ({"expires": NOW + DAY}, Validity.GOOD),
        ({"valid": False}, Validity.BAD),
    ],
)
async def test_what_its_maker_is_now_counts(facts: dict[str, object], validity: Validity) -> None:
    made = await found(signature(), of(BOB, **facts))
    assert made == Signature(BOB.fingerprint, BOB.fingerprint[-16:], NOW - 60, validity)


@pytest.mark.parametrize("said", [Validity.BAD, Validity.EXPIRED, Validity.REVOKED])
async def test_what_the_software_says_is_not_made_better(said: Validity) -> None:
    assert (await found(signature(), of(BOB), says=said)).validity is said


async def test_one_that_has_expired_itself() -> None:
    assert (await found(signature(lasts=30), of(BOB))).validity is Validity.EXPIRED
    assert (await found(signature(lasts=DAY), of(BOB))).validity is Validity.GOOD


@pytest.mark.parametrize("said", [{"kind": CERTIFICATION}, {"digest": SHA1}, {"created": 0}])
async def test_what_is_no_signature_of_a_document_is_bad_and_nobody_is_asked(said: dict[str, object]) -> None:
    says = Says(Validity.GOOD)
    (made,) = await judged(SignedMessage(b"", (signature(**said),)), [of(BOB)], says)  # type: ignore[arg-type]  # its fields
    assert (made.validity, made.fingerprint, says.asked) == (Validity.BAD, None, 0)


async def test_of_a_stranger_nobody_is_asked() -> None:
    says, stranger = Says(Validity.GOOD), Key(CREATED)
    (made,) = await judged(SignedMessage(b"", (signature(stranger),)), [of(BOB)], says)
    assert (made.validity, made.key_id, says.asked) == (Validity.UNKNOWN, stranger.fingerprint[-16:], 0)


async def test_a_certificate_for_which_it_holds_counts_before_one_for_which_it_does_not() -> None:
    first = of(BOB)
    second = replace(certificate("eve"), components=(certificate("eve").primary, first.primary))
    says = Says(Validity.GOOD, {first.fingerprint: Validity.BAD})
    (made,) = await judged(SignedMessage(b"", (signature(),)), [first, second], says)
    assert (made.validity, made.fingerprint) == (Validity.GOOD, second.fingerprint)


async def test_what_cannot_be_read_is_unknown() -> None:
    assert await found(b"\x05\0", of(BOB)) == Signature(None, "0" * 16, 0, Validity.UNKNOWN)
