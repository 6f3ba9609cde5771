import time

import pytest
from lab.unsigned_packets import (
    BINDING,
    CERTIFICATION,
    DIRECT_KEY,
    KEY_REVOCATION,
    certificate,
    packet,
    primary,
    signature,
    subkey,
    user_id,
)

from relay.keys.wkd.answer import MAX_CERTIFICATES, MAX_KEPT, certificates, version
from relay.keys.wkd.reason import Failed, Reason
from relay.mail import armor
from relay.model import Address

BOB = Address("bob@example.org")


def reason(answer: bytes) -> Reason:
    with pytest.raises(Failed) as caught:
        certificates(answer, BOB)
    return caught.value.reason


def test_only_the_queried_user_id_and_its_signatures_are_kept() -> None:
    other = user_id("Bob <bob@elsewhere.example>") + signature(CERTIFICATION, 2)
    photo = packet(17, b"a photograph") + signature(CERTIFICATION, 3)
    unknown = packet(60, b"something private") + signature(CERTIFICATION, 4)
    mine = user_id("Bob <Bob@Example.org>") + signature(CERTIFICATION, 1)
    keys = subkey(1) + signature(BINDING, 5) + subkey(2) + signature(BINDING, 6)
    assert certificates(primary() + other + photo + mine + unknown + keys, BOB) == [primary() + mine + keys]


def test_a_revocation_counts_wherever_it_stands() -> None:
    revoked = signature(KEY_REVOCATION, 9)
    mine = user_id("bob@example.org") + signature(CERTIFICATION)
    other = user_id("eve@example.org") + signature(CERTIFICATION)
    for answer in (
        primary() + mine + other + revoked,
        primary() + mine + subkey() + revoked,
        primary() + revoked + mine,
    ):
        (kept,) = certificates(answer, BOB)
        assert kept.startswith(primary() + revoked + mine)


def test_a_revocation_of_version_3_counts_wherever_it_stands() -> None:
    revoked = packet(2, bytes([3, 5, KEY_REVOCATION]) + bytes(40))
    (kept,) = certificates(primary() + user_id("eve@example.org") + revoked + user_id("bob@example.org"), BOB)
    assert kept == primary() + revoked + user_id("bob@example.org")


def test_direct_key_signatures_stay_with_the_primary_key() -> None:
    direct = signature(DIRECT_KEY)
    assert certificates(primary() + direct + user_id("bob@example.org"), BOB) == [
        primary() + direct + user_id("bob@example.org")
    ]


def test_two_states_of_one_certificate_come_out_as_one() -> None:
    good, revoked = certificate("bob@example.org"), certificate("bob@example.org", revoked=True)
    (kept,) = certificates(good + revoked + good, BOB)
    assert sorted(kept) == sorted(revoked)
    assert signature(KEY_REVOCATION) in kept


def test_a_state_without_the_user_id_still_brings_its_revocation() -> None:
    (kept,) = certificates(certificate("bob@example.org") + primary() + signature(KEY_REVOCATION), BOB)
    assert kept.startswith(primary() + signature(KEY_REVOCATION))


def test_several_certificates_in_one_answer() -> None:
    answer = b"".join(certificate("bob@example.org", number=n) for n in range(3)) + certificate(
        "eve@example.org", number=9
    )
    assert [version(kept) for kept in certificates(answer, BOB)] == [4, 4, 4]


def test_a_certificate_for_somebody_else_is_nothing() -> None:
    assert certificates(certificate("eve@example.org"), BOB) == []


def test_armor_is_accepted() -> None:
    binary = certificate("bob@example.org")
    text = armor.enarmor(binary, "PUBLIC KEY BLOCK")
    assert certificates(text, BOB) == certificates(binary, BOB)
    two = armor.enarmor(certificate("bob@example.org", number=2), "PUBLIC KEY BLOCK")
    assert len(certificates(b"\r\n" + text + b"\n" + two, BOB)) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"<!DOCTYPE html><html><body>This domain is for sale</body></html>",
        b"\n", b"\x00" * 100, b"\xff" * 100, bytes(range(256)),
        b"<html>\n" + armor.enarmor(certificate("bob@example.org"), "PUBLIC KEY BLOCK"),
        certificate("bob@example.org")[:-1],
        certificate("bob@example.org") + b"\n",
        armor.enarmor(certificate("bob@example.org"), "PUBLIC KEY BLOCK")[:-40],
        armor.enarmor(certificate("bob@example.org"), "PRIVATE KEY BLOCK"),
        packet(5, b"\x04secret") + user_id("bob@example.org"),
        user_id("bob@example.org"),
        packet(11, b"b\x00\x00\x00\x00\x00literal"),
    ],
)  # fmt: skip
def test_what_is_no_certificate_is_no_answer(answer: bytes) -> None:
    assert reason(answer) is Reason.NO_CERTIFICATE


def test_ten_thousand_user_ids_cost_little_and_leave_one() -> None:
    many = b"".join(
        user_id(f"Somebody {n} <u{n}@example.org>") + packet(2, b"\x04\x13" + bytes(9)) for n in range(10_000)
    )
    mine = user_id("bob@example.org") + signature(CERTIFICATION)
    started = time.process_time()
    assert certificates(primary() + many + mine, BOB) == [primary() + mine]
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "answer",
    [
        certificate("bob@example.org")
        + signature(BINDING)
        + b"".join(signature(BINDING, n + 1) for n in range(MAX_KEPT)),
        certificate("bob@example.org") + b"".join(subkey(n + 2) for n in range(MAX_KEPT)),
        b"".join(certificate("bob@example.org", number=n) for n in range(MAX_CERTIFICATES + 1)),
        certificate("bob@example.org") + b"\xca\x00" * 500_000,
    ],
    ids=["signatures", "subkeys", "certificates", "packets"],
)
def test_too_many_of_anything_is_an_outage_and_costs_little(answer: bytes) -> None:
    started = time.process_time()
    assert reason(answer) is Reason.TOO_MANY
    assert time.process_time() - started < 1


def test_junk_is_counted_once() -> None:
    (kept,) = certificates(certificate("bob@example.org") + signature(BINDING, 7) * (MAX_KEPT + 1), BOB)
    assert kept.count(signature(BINDING, 7)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Bob <bob@example.org>",
        "BOB@Example.org",
        "<bob@example.org> ",
        "eve@example.org <bob@example.org>",
        "bob@example.org <eve@example.org>",  # a reader sees it: not encrypted to, and not "no key"
        "Bob bob@example.org",
    ],
)
def test_a_user_id_with_the_address(text: str) -> None:
    assert certificates(primary() + user_id(text), BOB)


@pytest.mark.parametrize(
    "text",
    [
        "eve@example.org <bob2@example.org>",
        "xbob@example.org",
        "bob@example.org.evil",
        "Bob",
        "",
        "Bob xbob@example.org",
    ],
)
def test_whole_address_equality_only(text: str) -> None:
    assert not certificates(primary() + user_id(text), BOB)
