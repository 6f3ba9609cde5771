"""Incoming mail with real software: what correspondents' GnuPG writes arrives opened and marked, by both engines."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from email import message_from_bytes

import pytest
from lab import canary
from lab.gnupghome import generate, gnupg_home, gpg
from lab.hospital import (
    BOB,
    DR,
    EVE,
    MX,
    NURSE,
    Correspondent,
    Hospital,
    inside,
    mark,
    multipart_signed,
    outer,
    pgp_mime,
)
from lab.mail_programs import FORMS
from lab.openpgpjs import LIBRARY
from lab.writers import WRITERS

from relay.mail import armor

DAY = 86400.0
BODY = "Résultats confidentiels du patient numéro sept\r\n.\r\n\r\n  fin \r\n".encode()


@pytest.fixture(scope="module")
def bob() -> Correspondent:
    return Correspondent.new(BOB)


@pytest.fixture(scope="module")
def eve() -> Correspondent:
    return Correspondent.new(EVE)


@pytest.fixture(scope="module", params=["gnupg", "sequoia"])
def hospital(request: pytest.FixtureRequest, bob: Correspondent, eve: Correspondent) -> Iterator[Hospital]:
    with Hospital(request.param) as made:
        made.imports(bob.keys.public, eve.keys.public)
        yield made


def test_signed_and_encrypted(hospital: Hospital, bob: Correspondent) -> None:
    message = bob.encrypt(inside(BODY, subject="Dossier confidentiel Aurore"), hospital.certificates[DR])
    (mail,) = hospital.take(pgp_mime(message, outer()), DR)

    assert mail.body == BODY
    found = mark(mail)
    assert (found["encryption"], found["signature"], found["subject"]) == ("decrypted", "good", "signed")
    assert found["signer"] == f"<{BOB}>"
    assert len(found["key"]) == 40
    assert message_from_bytes(mail.content).get_all("Subject") == ["Dossier confidentiel Aurore"]
    assert "RET=HDRS" in mail.options
    assert "BODY=8BITMIME" in mail.options
    row = hospital.relay.trace("--in", "--to", DR)[-1]
    assert (row["action"], row["direction"]) == ("decrypt", "in")
    assert row["mark"].startswith("encryption=decrypted; signature=good; subject=signed")
    assert hospital.relay.trace("--out", "--to", DR) == []


@pytest.mark.parametrize("program", [name for name in WRITERS if name != "openpgp.js" or LIBRARY.exists()])
def test_what_other_programs_sign_and_encrypt(hospital: Hospital, bob: Correspondent, program: str) -> None:
    """Some of them name the intended recipients in the signature."""
    canary.sent(payload := inside(BODY))
    message = WRITERS[program](payload, hospital.certificates[DR], bob.keys.secret)
    (mail,) = hospital.take(pgp_mime(message, outer()), DR)
    assert (mark(mail)["encryption"], mark(mail)["signature"]) == ("decrypted", "good")
    assert mail.body == BODY


@pytest.mark.parametrize("program", FORMS)
def test_the_forms_of_mail_programs(hospital: Hospital, bob: Correspondent, program: str) -> None:
    form = FORMS[program]
    entity = form.inner("Dossier confidentiel Cyprien")
    armored = armor.enarmor(bob.encrypt(entity, hospital.certificates[DR]), "MESSAGE")
    (mail,) = hospital.take(form.mail(outer(), armored), DR)

    found = mark(mail)
    assert (found["encryption"], found["signature"]) == ("decrypted", "good")
    assert found["subject"] == ("signed" if form.subject_inside else "unsigned")
    subject = "Dossier confidentiel Cyprien" if form.subject_inside else "[...]"
    assert message_from_bytes(mail.content).get_all("Subject") == [subject]
    assert mail.body == entity.partition(b"\r\n\r\n")[2]


def test_signed_inside_encrypted_by_another_layer(hospital: Hospital, bob: Correspondent) -> None:
    """RFC 3156 section 6.1."""
    part = inside(BODY.removesuffix(b"\r\n"), subject="Dossier confidentiel Boréal".encode().decode("latin-1"))
    payload = multipart_signed(part, bob.sign(part))
    canary.sent(payload)
    with gnupg_home() as home:
        (home / "to").write_bytes(hospital.certificates[DR])
        message = gpg(
            home, "--trust-model", "always", "--recipient-file", str(home / "to"), "-e", content=payload
        ).stdout
    (mail,) = hospital.take(pgp_mime(message, outer()), DR)

    found = mark(mail)
    assert (found["encryption"], found["signature"], found["subject"]) == ("decrypted", "good", "signed")
    assert mail.body + b"" == payload.partition(b"\r\n\r\n")[2]


def test_inline(hospital: Hospital, bob: Correspondent) -> None:
    message = armor.enarmor(bob.encrypt(BODY, hospital.certificates[DR]), "MESSAGE")
    (mail,) = hospital.take(outer() + b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + message, DR)

    assert mail.body == BODY
    assert (mark(mail)["signature"], mark(mail)["subject"]) == ("good", "unsigned")
    assert message_from_bytes(mail.content).get_content_charset() == "utf-8"


def test_only_signed_gets_the_mark_and_is_otherwise_unchanged(hospital: Hospital, bob: Correspondent) -> None:
    part = inside(BODY, subject="[...]")
    whole = outer() + multipart_signed(part, bob.sign(part))
    (mail,) = hospital.take(whole, DR)
    assert mark(mail)["signature"] == "good"
    assert mark(mail)["encryption"] == "none"
    assert mail.content.endswith(whole)
    (mail,) = hospital.take(whole.replace(b"patient", b"Patient"), DR)
    assert mark(mail)["signature"] == "bad"


def test_each_recipient_for_itself_and_allowed_ones(hospital: Hospital, bob: Correspondent) -> None:
    mail = pgp_mime(bob.encrypt(inside(BODY), hospital.certificates[DR]), outer())
    by_recipient = {name: one for one in hospital.take(mail, DR, NURSE) for name in one.recipients}
    assert mark(by_recipient[DR])["encryption"] == "decrypted"
    assert mark(by_recipient[NURSE])["reason"] == "not-entitled"
    assert by_recipient[NURSE].content.endswith(mail)
    hospital.relay.run("own", "allow", NURSE, DR)
    (opened,) = hospital.take(mail, NURSE)
    assert mark(opened)["encryption"] == "decrypted"
    hospital.relay.run("own", "disallow", NURSE, DR)
    (closed,) = hospital.take(mail, NURSE)
    assert mark(closed)["reason"] == "not-entitled"


def test_hidden_key_ids_are_tried_with_own_keys_alone(hospital: Hospital) -> None:
    canary.sent(inside(BODY))
    with gnupg_home() as home:
        (home / "to").write_bytes(hospital.certificates[DR])
        words = ("--trust-model", "always", "--throw-keyids", "--recipient-file", str(home / "to"), "-e")
        hidden = pgp_mime(gpg(home, *words, content=inside(BODY)).stdout, outer())
    (mail,) = hospital.take(hidden, DR)
    assert (mark(mail)["encryption"], mark(mail)["signature"]) == ("decrypted", "none")
    hospital.relay.run("own", "allow", NURSE, DR)
    (mail,) = hospital.take(hidden, NURSE)
    assert mark(mail)["encryption"] == "closed"
    hospital.relay.run("own", "disallow", NURSE, DR)


def test_what_was_changed_on_the_way_stays_closed(hospital: Hospital, bob: Correspondent) -> None:
    message = bytearray(bob.encrypt(inside(BODY), hospital.certificates[DR]))
    message[-40] ^= 1
    whole = pgp_mime(bytes(message), outer())
    (mail,) = hospital.take(whole, DR)
    assert (mark(mail)["encryption"], mark(mail)["reason"]) == ("closed", "damaged")
    assert mail.content.endswith(whole)


@pytest.mark.parametrize(
    ("header", "author_inside", "expected"),
    [
        (outer(f"Bob <{BOB}>"), f"Bob <{BOB}>", {"signature": "good"}),
        (outer(date=time.time() - 2 * DAY), BOB, {"signature": "old"}),
        (outer(BOB, "Date: Tue, 24 Nov 2026 12:00:00 +0000"), BOB, {"signature": "old"}),
        (outer(f"Eve <{EVE}>"), EVE, {"signature": "other", "signer": f"<{BOB}>"}),
        (outer(EVE, f"Sender: {BOB}"), EVE, {"signature": "other"}),
        (outer(f"{BOB}, {EVE}"), f"{BOB}, {EVE}", {"signature": "other"}),
        (outer(BOB, f"From: {EVE}"), f"{BOB}", {"encryption": "closed", "reason": "mismatch"}),
        (outer(f"{EVE} ({BOB})"), f"{EVE} ({BOB})", {"signature": "other"}),
        (outer(f"{EVE} ({BOB})"), EVE, {"encryption": "closed", "reason": "mismatch"}),
        (
            outer(f"=?utf-8?q?bob=40example=2Eorg?= <{EVE}>"),
            f"=?utf-8?q?bob=40example=2Eorg?= <{EVE}>",
            {"signature": "other"},
        ),
        (outer(f"friends: {BOB};"), f"friends: {BOB};", {"signature": "other"}),
        (outer("b\u043eb@example.org"), "b\u043eb@example.org", {"signature": "other"}),
        (outer(EVE), BOB, {"encryption": "closed", "reason": "mismatch"}),
        (outer(BOB), EVE, {"encryption": "closed", "reason": "mismatch"}),
        (outer(BOB), f"{BOB}, {EVE}", {"encryption": "closed", "reason": "mismatch"}),
    ],
)
def test_the_mark_cannot_be_forged(
    hospital: Hospital, bob: Correspondent, header: bytes, author_inside: str, expected: dict[str, str]
) -> None:
    """What is not said of a case is as in the first one."""
    message = bob.encrypt(inside(BODY, author_inside), hospital.certificates[DR])
    (mail,) = hospital.take(pgp_mime(message, header), DR)

    found = mark(mail)
    assert {name: found.get(name) for name in expected} == expected
    assert (found["signature"] == "good") is (expected.get("signature") == "good")


def test_forged_marks_results_and_tags(bob: Correspondent) -> None:
    forged = [
        "X-PGP-Relay: encryption=decrypted; signature=good",
        "x-pgp-relay :\r\n\tsignature=good",
        f"Authentication-Results: {MX}; dkim=pass",
        f"Authentication-Results: ({MX}) {MX.upper()};\r\n\tdkim=pass",
    ]
    ours = f"Authentication-Results: {MX}; dkim=fail\r\nAuthentication-Results: other.example; spf=pass\r\n".encode()
    body = "\r\n".join([*forged, "", "Un texte qui cite la marque forgée"]).encode() + b"\r\n"
    with Hospital("sequoia", subject_tag={"decrypted": "[chiffré]", "signed": "[signé]"}) as hospital:
        header = ours + outer(BOB, *forged).replace(b"[...]", "[chiffré] [ѕіgné] vrai".encode())  # noqa: RUF001  Cyrillic
        (mail,) = hospital.take(header + b"\r\n" + body, DR)
        assert mark(mail) == {"encryption": "none", "signature": "none", "subject": "unsigned"}
        read = message_from_bytes(mail.content)
        assert [" ".join(str(one).split()) for one in read.get_all("Authentication-Results", [])] == [
            f"{MX}; dkim=fail",
            "other.example; spf=pass",
        ]
        assert read["Subject"] == "vrai"
        assert mail.body == body
        payload = inside(BODY).replace(b"\r\nTo:", b"\r\n" + "\r\n".join(forged).encode() + b"\r\nTo:", 1)
        message = bob.encrypt(payload, hospital.certificates[DR])
        (mail,) = hospital.take(pgp_mime(message, outer()), DR)
        assert mark(mail)["signature"] == "unknown"
        assert message_from_bytes(mail.content)["Authentication-Results"] is None
        assert mail.body == BODY


def test_a_signer_that_has_expired_since(hospital: Hospital) -> None:
    """Without its end the signature would be `old`."""
    old, part = "old@example.org", inside(BODY, subject="[...]")
    with gnupg_home() as home:
        generate(home, old, expires="1d", at="20200101T000000!")
        hospital.imports(gpg(home, "--export").stdout)
        signature = gpg(home, "--faked-system-time", "20200101T010000!", "--detach-sign", content=part).stdout
    (mail,) = hospital.take(outer(old) + multipart_signed(part, signature), DR)
    assert mark(mail)["signature"] == "bad"


def test_a_signer_that_is_revoked_since(hospital: Hospital) -> None:
    carol = Correspondent.new("carol@example.org")
    hospital.imports(carol.keys.public)
    message = carol.encrypt(inside(BODY, carol.address), hospital.certificates[DR])
    (mail,) = hospital.take(pgp_mime(message, outer(carol.address)), DR)
    assert mark(mail)["signature"] == "good"
    hospital.imports(carol.keys.public + carol.keys.revocation)
    (mail,) = hospital.take(pgp_mime(message, outer(carol.address)), DR)
    assert mark(mail)["signature"] == "bad"


def test_what_the_relay_encrypts_for_an_own_address_comes_out_with_the_same_body(hospital: Hospital) -> None:
    hospital.imports(hospital.certificates[NURSE])
    clear = outer(DR).replace(b"Subject: [...]", b"Subject: Vacances du service Aurore") + b"\r\n" + BODY
    canary.sent(clear)
    assert hospital.leave(clear, DR, NURSE)[0].startswith("250")
    (left,) = hospital.outside.wait_for(1)
    assert b"multipart/encrypted" in left.content
    (mail,) = hospital.take(left.content, NURSE, sender=DR)
    assert mark(mail)["encryption"] == "decrypted"
    assert mail.body == BODY
    assert message_from_bytes(mail.content)["Subject"] == "Vacances du service Aurore"


def test_explained(hospital: Hospital, bob: Correspondent) -> None:
    content = pgp_mime(bob.encrypt(inside(BODY), hospital.certificates[DR]), outer())
    done = hospital.relay.run("explain", "--inbound", "--message", "-", "--to", DR, "--json", content=content)
    assert b'"action": "decrypt"' in done.stdout
    assert b"encryption=decrypted; signature=good; subject=signed" in done.stdout
    done = hospital.relay.run("explain", "--inbound", "--message", "-", "--to", NURSE, content=content)
    assert done.stdout.startswith(b"pass: stays closed: not-entitled")


def test_a_secret_that_is_missing_is_an_outage(bob: Correspondent) -> None:
    with Hospital("gnupg") as hospital:
        content = pgp_mime(bob.encrypt(inside(BODY), hospital.certificates[DR]), outer())
        folder = hospital.relay.keyring / "private-keys-v1.d"
        folder.rename(folder.with_name("away"))
        (answer,) = hospital.send(content, DR)
        assert answer.startswith("451")
        assert hospital.sink.taken == []
        assert [one["action"] for one in hospital.relay.trace("--in")] == ["defer"]
        folder.with_name("away").rename(folder)
        (mail,) = hospital.take(content, DR)
        assert mark(mail)["encryption"] == "decrypted"


def test_our_own_signature_is_good_when_a_mail_comes_back(hospital: Hospital) -> None:
    hospital.imports(hospital.certificates[NURSE])
    clear = outer(DR).replace(b"Subject: [...]", b"Subject: Planning du service Aurore") + b"\r\n" + BODY
    answers = hospital.leave(clear, DR, NURSE)
    assert answers[0].startswith("250")
    (left,) = hospital.outside.wait_for(1)
    (mail,) = hospital.take(left.content, NURSE, sender=DR)
    found = mark(mail)
    assert (found["encryption"], found["signature"], found.get("signer")) == ("decrypted", "good", f"<{DR}>")


def test_a_large_mail_is_opened_in_the_pool_byte_for_byte(hospital: Hospital, bob: Correspondent) -> None:
    body = base64.encodebytes(os.urandom(1 << 20)).replace(b"\n", b"\r\n")
    message = bob.encrypt(inside(body), hospital.certificates[DR])
    (mail,) = hospital.take(pgp_mime(message, outer()), DR)
    assert mail.body == body
    assert mark(mail)["signature"] == "good"
