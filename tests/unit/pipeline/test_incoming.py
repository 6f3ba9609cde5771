from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import pytest
from lab import incoming as lab
from lab.fakes import certificate, inbound
from lab.incoming import MX, OUTER, FakeOpener, FakeRegister, FakeSigners, IncomingBed, ciphertext, own_key, pgp_mime
from lab.mime import octets, parts

from relay.mail.armor import enarmor
from relay.model import Entry, Envelope, Origin, Reply
from relay.model.opened import Reason, Signature, Validity
from relay.pipeline.incoming_mail import Tags
from relay.pipeline.pickup_answer import AnswerTreater

DR, NURSE, EVE = (
    own_key("dr@hopital.example", 1),
    own_key("nurse@hopital.example", 2),
    own_key("eve@hopital.example", 3),
)
BOB = certificate("bob@out.example", 0xB0B)
MADE = 1_795_521_540
"""The Date of the mails here."""

MESSAGE = ciphertext(DR.subkeys[0].key_id)
INSIDE = (
    b'Content-Type: text/plain; protected-headers="v1"; hp="cipher"\r\nSubject: canary inside\r\nX-Evil: 1\r\n'
    b"From: Bob <bob@out.example>\r\nReceived: from evil\r\nX-PGP-Relay: signature=good\r\n"
    b"Authentication-Results: mx.hopital.example; dkim=pass\r\n\r\nnaked canary\r\n"
)


def signed(validity: Validity = Validity.GOOD, made: int = MADE) -> Signature:
    return Signature(BOB.fingerprint, BOB.primary.key_id, made, validity)


@pytest.fixture
def bed(tmp_path: Path) -> IncomingBed:
    return IncomingBed(
        tmp_path,
        opener=FakeOpener({MESSAGE: INSIDE}, lambda _: (signed(),)),
        register=FakeRegister([DR, NURSE, EVE]),
        signers=FakeSigners({"bob@out.example": (Entry(BOB, Origin.IMPORTED, 0),)}),
    )


async def take(bed: IncomingBed, content: bytes, *recipients: str, sender: str | None = "bob@out.example") -> list[int]:
    attempt = bed.pipeline().begin(inbound(*(recipients or ("dr@hopital.example",)), content=content, sender=sender))
    replies = await attempt.replies()
    await attempt.settle(delivered=True)
    return [reply.code for reply in replies]


def marks(bed: IncomingBed) -> list[str]:
    return [str(message_from_bytes(content)["X-PGP-Relay"]) for _, content in bed.outlet.sent]


async def test_an_encrypted_mail_arrives_opened_and_marked(bed: IncomingBed) -> None:
    assert await take(bed, pgp_mime(MESSAGE)) == [250]

    [(envelope, content)] = bed.outlet.sent
    mail = message_from_bytes(content)
    assert mail.get_payload() == "naked canary\r\n"
    assert mail.get_all("Subject") == ["canary inside"]
    assert mail.get_all("X-PGP-Relay") == [
        f"encryption=decrypted; signature=good; subject=signed; signer=<bob@out.example>; key={BOB.fingerprint}"
    ]
    assert mail["X-Evil"] is None
    assert mail["Authentication-Results"] is None
    assert len(mail.get_all("Received", [])) == 2
    assert (mail["Message-ID"], mail["From"]) == ("<1@out.example>", "Bob <bob@out.example>")
    assert "RET=HDRS" in envelope.options
    [row] = bed.trail.records
    assert (row.action, row.direction, row.rule, row.mark) == ("decrypt", "in", "inbound", mail["X-PGP-Relay"])
    assert row.signed_by == BOB.fingerprint
    assert "canary" not in str(row)


async def test_an_answer_that_does_not_open_was_called_deferred_and_answered_554(bed: IncomingBed) -> None:
    treater = AnswerTreater(bed.opener, bed.register, bed.signers)
    attempt = replace(bed.pipeline(), treater=treater).begin(
        inbound("nurse@hopital.example", content=pgp_mime(MESSAGE), sender="pickup@out.example")
    )
    [reply] = await attempt.replies()
    await attempt.settle(delivered=True)
    [row] = bed.trail.records
    assert (reply.code, row.action, row.reason, row.reply) == (554, "refuse", "it cannot be opened", "554 5.6.0")
    assert bed.outlet.sent == []


async def test_each_recipient_for_itself(bed: IncomingBed) -> None:
    assert (
        await take(bed, pgp_mime(MESSAGE), "dr@hopital.example", "eve@hopital.example", "x@hopital.example")
        == [250] * 3
    )

    by_recipient = {r.address.text: c for e, c in bed.outlet.sent for r in e.recipients}
    assert b"naked canary" in by_recipient["dr@hopital.example"]
    for other in ("eve@hopital.example", "x@hopital.example"):
        assert b"naked canary" not in by_recipient[other]
        assert b"encryption=closed; signature=none; subject=unsigned; reason=not-entitled" in by_recipient[other]
        assert by_recipient[other].endswith(pgp_mime(MESSAGE))
    assert [keys.own for keys in bed.opener.calls if not keys.own] == []
    assert {row.recipient: row.action for row in bed.trail.records} == {
        "dr@hopital.example": "decrypt",
        "eve@hopital.example": "pass",
        "x@hopital.example": "pass",
    }


async def test_an_allowed_key_is_used_where_the_mail_names_it(bed: IncomingBed) -> None:
    bed.register.allow = {"nurse@hopital.example": ["dr@hopital.example", "eve@hopital.example"]}

    assert await take(bed, pgp_mime(MESSAGE), "nurse@hopital.example") == [250]
    assert b"naked canary" in bed.outlet.sent[0][1]
    [keys] = bed.opener.calls
    assert (keys.own, keys.allowed) == ((NURSE,), (DR,))


async def test_with_a_hidden_key_id_only_own_keys_are_tried(bed: IncomingBed) -> None:
    hidden = ciphertext("0" * 16)
    bed.opener.contents[hidden] = Reason.NO_KEY
    bed.register.allow = {"nurse@hopital.example": ["dr@hopital.example"]}

    assert await take(bed, pgp_mime(hidden), "nurse@hopital.example") == [250]
    assert [(keys.own, keys.allowed) for keys in bed.opener.calls] == [((NURSE,), ())]


async def test_a_tagged_address_is_not_the_address(bed: IncomingBed) -> None:
    assert await take(bed, pgp_mime(MESSAGE), "dr+x@hopital.example") == [250]
    assert "reason=not-entitled" in marks(bed)[0]


async def test_encrypted_to_nobody_of_ours(bed: IncomingBed) -> None:
    async def nobody(_author: object) -> None:
        pytest.fail("nobody's directory is asked for a mail that nobody opens")

    bed.signers.of = nobody  # type: ignore[assignment, method-assign]  # fails where it is called
    assert await take(bed, pgp_mime(ciphertext("AAAA" * 4)), "x@hopital.example") == [250]
    assert marks(bed) == ["encryption=closed; signature=none; subject=unsigned; reason=no-key"]


@pytest.mark.parametrize("reason", [Reason.NO_KEY, Reason.DAMAGED, Reason.NO_INTEGRITY, Reason.TOO_LARGE])
async def test_what_stays_closed_arrives_unchanged_but_for_the_mark(bed: IncomingBed, reason: Reason) -> None:
    bed.opener.contents[MESSAGE] = reason

    assert await take(bed, pgp_mime(MESSAGE)) == [250]
    [(envelope, content)] = bed.outlet.sent
    assert marks(bed) == [f"encryption=closed; signature=none; subject=unsigned; reason={reason.value}"]
    assert content.endswith(pgp_mime(MESSAGE))
    assert envelope.options == ()


async def test_an_inner_author_unlike_the_outer_one_keeps_it_closed(bed: IncomingBed) -> None:
    for author in (b"Eve <eve@out.example>", b"bob@out.example, eve@out.example", b"bob@out.example (eve@x.example)"):
        bed.opener.contents[MESSAGE] = INSIDE.replace(b"Bob <bob@out.example>", author)
        assert await take(bed, pgp_mime(MESSAGE)) == [250]
        assert "reason=mismatch" in marks(bed)[-1]
        assert b"naked canary" not in bed.outlet.sent[-1][1]


async def test_encrypted_again_inside_stays_closed(bed: IncomingBed) -> None:
    bed.opener.contents[MESSAGE] = pgp_mime(MESSAGE)

    assert await take(bed, pgp_mime(MESSAGE)) == [250]
    assert "reason=mixed" in marks(bed)[0]


async def test_an_engine_that_is_down_is_temporary_and_never_no_key(bed: IncomingBed) -> None:
    bed.opener.down = True

    assert await take(bed, pgp_mime(MESSAGE), "dr@hopital.example", "eve@hopital.example") == [451, 250]
    assert {row.recipient: row.action for row in bed.trail.records} == {
        "dr@hopital.example": "defer",
        "eve@hopital.example": "pass",
    }
    bed.opener.down = False
    assert await take(bed, pgp_mime(MESSAGE), "dr@hopital.example") == [250]
    assert bed.outlet.served() == ["eve@hopital.example", "dr@hopital.example"]


async def test_a_store_that_is_down_is_temporary(bed: IncomingBed) -> None:
    bed.ledger.down = True

    assert await take(bed, pgp_mime(MESSAGE)) == [451]
    assert bed.outlet.sent == []


async def test_the_next_hop_refuses(bed: IncomingBed) -> None:
    def refuse(_envelope: Envelope, _content: bytes) -> tuple[Reply, ...]:
        return (Reply(452, "4.2.2", "full"),)

    bed.outlet.answer = refuse
    assert await take(bed, pgp_mime(MESSAGE)) == [452]


async def test_without_a_good_signature_answers_go_to_nobody_else(bed: IncomingBed) -> None:
    asks = (
        b"Reply-To: eve@evil.example\r\nDisposition-Notification-To: eve@evil.example\r\nReturn-Receipt-To: e@e.example"
    )
    asks += b"\r\n"
    for validity in (Validity.GOOD, Validity.BAD):
        bed.opener.signatures = lambda _, validity=validity: (signed(validity),)  # type: ignore[misc]  # mypy knows no defaults of lambdas
        assert await take(bed, pgp_mime(MESSAGE, asks + OUTER)) == [250]
    good, bad = [content for _, content in bed.outlet.sent]
    assert asks in good
    assert b"evil.example" not in bad
    assert b"e@e.example" not in bad
    bed.opener.contents[MESSAGE] = Reason.NO_KEY
    await take(bed, pgp_mime(MESSAGE, asks + OUTER))
    assert asks in bed.outlet.sent[-1][1]


async def test_a_key_of_somebody_else_is_looked_up_and_told(bed: IncomingBed) -> None:
    bed.signers = FakeSigners({}, (Entry(certificate("eve@evil.example", 0xE5E), Origin.WKD, 0),))
    eve = bed.signers.others[0].certificate

    def signatures(signers: object) -> tuple[Signature, ...]:
        known = eve in signers  # type: ignore[operator]  # a sequence of certificates
        named = eve.fingerprint if known else None
        return (Signature(named, eve.primary.key_id, MADE, Validity.GOOD if known else Validity.UNKNOWN),)

    bed.opener.signatures = signatures
    assert await take(bed, pgp_mime(MESSAGE)) == [250]
    assert marks(bed) == [
        f"encryption=decrypted; signature=other; subject=signed; signer=<eve@evil.example>; key={eve.fingerprint}"
    ]
    assert bed.signers.asked == [frozenset({eve.primary.key_id})]


async def test_plain_mail_passes_unchanged_without_the_engine(bed: IncomingBed) -> None:
    plain = OUTER + b"Bcc: x@hopital.example\r\n\r\nHello\r\n"

    assert await take(bed, plain, "dr@hopital.example", "eve@hopital.example", sender=None) == [250, 250]
    [(envelope, content)] = bed.outlet.sent
    assert content.endswith(plain)
    assert content.startswith(b"X-PGP-Relay: encryption=none; signature=none; subject=unsigned\r\nReceived: ")
    assert len(envelope.recipients) == 2
    assert bed.opener.calls == []
    assert [row.action for row in bed.trail.records] == ["pass", "pass"]


async def test_forged_fields_go_and_nothing_else(bed: IncomingBed) -> None:
    ours = b"Authentication-Results: mx.hopital.example; dkim=pass\r\n"
    forged = b"X-PGP-Relay: encryption=decrypted; signature=good\r\nx-pgp-relay : x\r\n"

    assert await take(bed, ours + forged + OUTER + ours + forged + b"\r\nHello " + ours) == [250]
    content = bed.outlet.sent[0][1]
    assert content.split(b"\r\n\tid", 1)[-1].endswith(ours + OUTER + b"\r\nHello " + ours)
    assert len(message_from_bytes(content).get_all("X-PGP-Relay", [])) == 1


async def test_what_is_only_signed_gets_the_mark_alone(bed: IncomingBed) -> None:
    part = b'Content-Type: text/plain; protected-headers="v1"\r\nSubject: Hello\r\n\r\nx'
    mail = (
        OUTER.replace(b"Subject: [...]", b"Subject: Hello") + b'Content-Type: multipart/signed; boundary="s"; '
        b'protocol="application/pgp-signature"\r\n\r\n--s\r\n'
        + part
        + b"\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n"
        + enarmor(b"\xc2\x01\x04", "SIGNATURE")
        + b"\r\n--s--\r\n"
    )
    assert await take(bed, mail) == [250]
    assert await take(bed, mail.replace(b"\r\nSubject: Hello\r\nDate", b"\r\nSubject: Other\r\nDate")) == [250]
    assert bed.outlet.sent[0][1].endswith(mail)
    good = f"encryption=none; signature=good; subject={{}}; signer=<bob@out.example>; key={BOB.fingerprint}"
    assert marks(bed) == [good.format("signed"), good.format("unsigned")]
    assert [row.action for row in bed.trail.records] == ["verify", "verify"]


async def test_tags_of_ours_and_of_others(bed: IncomingBed) -> None:
    bed.tags = Tags("[chiffré]", "[signé]")
    bed.opener.contents[MESSAGE] = INSIDE.replace(b"canary inside", b"[signe] about [CHIFFRE] you")

    assert await take(bed, pgp_mime(MESSAGE)) == [250]
    plain = OUTER.replace(b"[...]", b"=?utf-8?q?=5Bchiffr=C3=A9=5D?= plain") + b"\r\nHello\r\n"
    assert await take(bed, plain) == [250]
    bed.opener.contents[MESSAGE] = Reason.NO_KEY
    assert await take(bed, pgp_mime(MESSAGE, OUTER.replace(b"[...]", b"[signe] closed"))) == [250]
    subjects = [lab.subject(content) for _, content in bed.outlet.sent]
    assert subjects == ["[chiffré] [signé] about you", "plain", "closed"]


async def test_a_closed_mail_inside_a_note(bed: IncomingBed) -> None:
    bed.opener.contents[MESSAGE] = Reason.NO_KEY
    bed.explain_closed = True

    assert await take(bed, pgp_mime(MESSAGE)) == [250]
    mail = message_from_bytes(bed.outlet.sent[0][1])
    note, attached = parts(mail)
    assert "n'a pas pu être déchiffré pour vous\xa0: il n'a pas été chiffré avec une clé" in octets(note).decode()
    assert b"\r\n\r\n" + pgp_mime(MESSAGE) in bed.outlet.sent[0][1]
    assert attached.get_content_type() == "message/rfc822"
    assert mail.get_content_type() == "multipart/mixed"
    assert mail["From"] == "Bob <bob@out.example>"
    assert len(mail.get_all("MIME-Version", [])) == len(mail.get_all("Content-Type", [])) == 1
    plain = OUTER + b"\r\nHello\r\n"
    assert await take(bed, plain) == [250]
    assert bed.outlet.sent[1][1].endswith(plain)


async def test_a_bad_signature_inside_a_warning(bed: IncomingBed) -> None:
    bed.wrap_bad = True
    bed.opener.signatures = lambda _: (signed(Validity.BAD),)

    assert await take(bed, pgp_mime(MESSAGE)) == [250]
    mail = message_from_bytes(bed.outlet.sent[0][1])
    note, attached = parts(mail)
    assert "la signature de ce courriel est invalide" in octets(note).decode()
    assert "naked canary" in str(attached)
    assert "signature=bad" in str(mail["X-PGP-Relay"])
    bed.opener.signatures = lambda _: (signed(),)
    await take(bed, pgp_mime(MESSAGE))
    assert not message_from_bytes(bed.outlet.sent[1][1]).is_multipart()


async def test_probes_and_loops_are_for_the_receiver(bed: IncomingBed) -> None:
    assert await take(bed, b"Received: x\r\n" * 60 + b"\r\nx") == [554]
    assert await take(bed, b"From: a@b.example\n\r\nx") == [554]
    assert MX in str(bed.pipeline().authserv_id)


async def test_a_signature_is_verified_once_for_all_recipients(bed: IncomingBed) -> None:
    asked = []

    def signatures(signers: object) -> tuple[Signature, ...]:
        asked.append(signers)
        return (signed(),)

    bed.opener.signatures = signatures
    text = b"-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nx\r\n"
    text += b"-----BEGIN PGP SIGNATURE-----\r\n\r\n-----END PGP SIGNATURE-----\r\n"
    everyone = [f"{number}@hopital.example" for number in range(50)]
    assert await take(bed, OUTER + b"\r\n" + text, *everyone) == [250] * 50
    assert len(asked) == 1
    assert "signature=good" in marks(bed)[0]
