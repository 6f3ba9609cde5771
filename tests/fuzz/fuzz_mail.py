"""Fuzzes what reads outside octets: header blocks, MIME, armor, OpenPGP packets, CMS, SMTP commands, answers of WKD.

    make fuzz        ten minutes

wants atheris, which `make fuzz` installs where only it is (it is no dependency of the tests). New inputs are written
into `.fuzz`, and `--merge` adds to the corpus those that reach code no input of it reached; an input that breaks a
promise is written into the current folder as `crash-…`. `test_replay.py` runs all of the corpus without atheris.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from relay.keys.wkd import answer
from relay.keys.wkd.reason import Failed
from relay.mail import (
    armor,
    bounce,
    carried_keys,
    cleartext_signed,
    cms,
    dkim_evidence,
    encrypted_message,
    headers,
    opened_content,
    opened_mark,
    packets,
    pgpmime,
    shape,
    signed_message,
    subject_tags,
)
from relay.mail.hidden_recipients import NOBODY, passed_on
from relay.mail.incoming_shape import Encrypted
from relay.mail.notice import Kind, Notices, Template, Told, Wording
from relay.mail.notice_texts import Language
from relay.mail.payload import payload
from relay.model import Address, Envelope, Inbound, Mailbox, Recipient, user_id
from relay.model.errors import NotEncrypted, OpenPgpError
from relay.model.opened import Reason
from relay.openpgp import ecdh
from relay.pipeline import letter
from relay.smtp import esmtp

RECEIVED = b"Received: from fuzz\r\n\tby fuzz; now\r\n"
RANDOM = hashlib.sha512(b"fuzz").digest()
CIPHERTEXT = (
    b"\xc1\x54\x03" + b"\xaa" * 8 + b"\x19" + RANDOM[:32] + b"\x29\x09" + RANDOM[:40] + b"\xd2\x41\x01" + RANDOM
)
MOST = 1 << 20
MAX_SUBJECT = 2_000
TAGS = ("[chiffr\u00e9]", "[signed]")
_LINE_END = re.compile(rb"\r\n|\r|\n")
ASKED = Address("bob@ville.example")
SENDER = Address("a@hopital.example")
RECEIVED_AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NOTICES = Notices(
    dict.fromkeys(Kind, Wording(*[Template("Not sent\n\n$recipients\n")] * 2)),
    Language.EN,
    Mailbox.parse("postmaster@hopital.example"),
    None,
    "relay.example",
    timedelta(days=5),
)
CORPUS = Path(__file__).with_name("corpus")
DICTIONARY = Path(__file__).with_name("mail.dict")


def check(data: bytes) -> None:
    """Every promise that holds for any octets; an `AssertionError` or any other exception is a bug."""
    headers_are_cut_and_joined(data)
    encryption_keeps_the_body(data)
    packets_tile_the_data(data)
    armor_is_read_or_refused(data)
    commands_are_read_or_refused(data)
    an_answer_holds_no_address_but_the_one_asked_for(data)
    notices_hold_no_other_field(data)
    messages_are_read_whole_or_not_at_all(data)
    incoming_mail_is_read_and_made_anew(data)
    opened_mail_is_known_again(data)
    keys_are_read_or_left(data)
    with contextlib.suppress(OpenPgpError):
        cms.read_enveloped(data)
    assert shape.shape_of(data) == shape.shape_of(data)
    with contextlib.suppress(NotEncrypted):
        pgpmime.verify(data, [["A" * 16]])


def messages_are_read_whole_or_not_at_all(data: bytes) -> None:
    """What would be opened or counted as signed is bounded."""
    found = encrypted_message.read(data)
    if not isinstance(found, Reason):
        assert found.data.end == len(data)
        with contextlib.suppress(OpenPgpError):
            for _, packet in found.session_keys:
                ecdh.wrapped(packets.body(data, packet))
    for signed in (signed_message.read(data, MOST), cleartext_signed.read(data)):
        if not isinstance(signed, Reason):
            assert len(signed.content) <= max(MOST, len(data) * 2)


def opened_mail_is_known_again(data: bytes) -> None:
    """Whatever a mail is, it is known by our mark in front of it, and where it is carried; a bounce tells a status."""
    found = opened_mark.traces(data)
    assert len(found.message_ids) <= opened_mark.MAX_IDENTIFIERS
    marked = b"X-PGP-Relay: encryption=decrypted\r\n" + data
    assert opened_mark.traces(marked).marked
    assert opened_mark.traces(b"Content-Type: message/rfc822\r\n\r\n" + marked).marked
    if told := bounce.read(data):
        assert all(failed.status.startswith("5.") for failed in told.failed)


def keys_are_read_or_left(data: bytes) -> None:
    """What is taken for a key is one, and what our MX did not say of DKIM is not believed."""
    carried = carried_keys.of_body(data)
    field = carried_keys.of_header(headers.split(b"Autocrypt: " + data), ASKED)
    for key in (*carried, *([field] if isinstance(field, bytes) else [])):
        assert len(packets.split_certificates(key)) == 1
        assert len(key) <= carried_keys.MOST_OCTETS
    below = dkim_evidence.read(headers.split(RECEIVED + data), "mx.hopital.example", SENDER)
    assert below.results == ()
    above = b"Authentication-Results: mx.hopital.example;" + data.replace(b"\n", b"\n ") + b"\r\n" + RECEIVED
    assert all(one.domain for one in dkim_evidence.read(headers.split(above), "mx.hopital.example", SENDER).results)


def incoming_mail_is_read_and_made_anew(data: bytes) -> None:
    """No mark of others stays, what is opened makes a whole header, and what we encrypt comes out as it went in."""
    read = letter.read(data, "mx.hopital.example")
    assert not [field for field in read.fields if field.name == "x-pgp-relay"]
    for form in (Encrypted(b""), Encrypted(b"", inline=True)):
        if not isinstance(found := opened_content.read(data, form, read.head), Reason):
            fields = opened_content.opened_fields(read.fields, found, answers=False)
            made = b"".join(field.line for field in fields) + b"\r\n"
            assert [field.raw for field in headers.split(made).fields] == [field.line for field in fields]
    subject = data.decode("utf-8", "replace")[:MAX_SUBJECT]
    left = subject_tags.untagged(subject, TAGS)
    assert subject_tags.untagged(left, TAGS) == left
    ours = opened_content.read(payload(data, NOBODY, protect_subject=True), Encrypted(b""), read.head)
    if isinstance(ours, Reason):
        assert ours is not Reason.MISMATCH or headers.faulty(data)  # that is refused
    else:
        assert _LINE_END.sub(b"\r\n", data[read.head.body_start :]) in bytes(ours.body)


def headers_are_cut_and_joined(data: bytes) -> None:
    head = headers.split(data)
    assert b"".join(field.raw for field in head.fields) + head.separator + data[head.body_start :] == data
    assert all(isinstance(headers.decoded(field), str) for field in head.fields)
    headers.named_recipients(head)
    assert len(headers.message_id(data)) <= 2 * 250 + 3
    assert passed_on(data, RECEIVED, NOBODY).endswith(data[head.body_start :])
    rest = data.replace(b"\r\n", b"")
    assert headers.faulty(data) == any(octet in rest for octet in b"\r\n\0")


def encryption_keeps_the_body(data: bytes) -> None:
    body = data[headers.split(data).body_start :]
    for protect in (True, False):
        inside = payload(data, NOBODY, protect_subject=protect)
        assert body in inside
        message = pgpmime.encrypted(headers.split(data), CIPHERTEXT, NOBODY, received=RECEIVED, protect_subject=protect)
        pgpmime.verify(message, [["A" * 16]], protect_subject=protect)
        assert shape.shape_of(message).protection is shape.Protection.ENCRYPTED


def packets_tile_the_data(data: bytes) -> None:
    end = 0
    with contextlib.suppress(OpenPgpError):
        for packet in packets.walk(data):
            assert packet.start == end < packet.body_start <= packet.end <= len(data)
            assert len(packets.body(data, packet)) <= packet.end - packet.body_start
            end = packet.end
        assert end == len(data)
    with contextlib.suppress(OpenPgpError):
        certificates = packets.split_certificates(data)
        assert data.endswith(b"".join(certificates))


def armor_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(OpenPgpError):
        blocks = armor.dearmor(data)
        assert not blocks or armor.is_armored(data)
    assert armor.dearmor(armor.enarmor(data, "MESSAGE")) == [armor.Block("MESSAGE", data)]


def commands_are_read_or_refused(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    with contextlib.suppress(esmtp.Refusal):
        mail = esmtp.read_mail(text, limit=1000)
        assert not _breaks_out(mail.sender, *mail.options)
    for smtputf8 in (True, False):
        with contextlib.suppress(esmtp.Refusal):
            recipient = esmtp.read_recipient(text, smtputf8=smtputf8)
            assert not _breaks_out(recipient.address, *recipient.options)
            assert recipient.address == Address(recipient.address.text)
    with contextlib.suppress(esmtp.Refusal):
        assert not _breaks_out(None, *(word for pair in esmtp.read_xforward(text) for word in pair))


def _breaks_out(address: Address | None, *words: str) -> bool:
    """At the next hop it would be more than one path, or more than one command."""
    path = address.text if address else ""
    return any(c in "<>" for c in path) or any(
        c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" for word in (path, *words) for c in word
    )


def an_answer_holds_no_address_but_the_one_asked_for(data: bytes) -> None:
    with contextlib.suppress(Failed):
        for certificate in answer.certificates(data, ASKED):
            tags = [packet.tag for packet in packets.walk(certificate)]
            assert tags[0] == packets.PUBLIC_KEY
            ids = [packets.body(certificate, p) for p in packets.walk(certificate) if p.tag == 13]
            assert ids
            assert all(ASKED in user_id.addresses(user_id.decode(one)) for one in ids)


def notices_hold_no_other_field(data: bytes) -> None:
    told = [Told(Recipient(ASKED), "no key", "5.7.1")]
    inbound = Inbound("id", Envelope(SENDER, (Recipient(ASKED),)), data, RECEIVED_AT, "::1", "c", "LMTP", False)  # noqa: FBT003  TLS
    notice = NOTICES.compose(Kind.REFUSED, inbound, told)
    assert not headers.faulty(notice)
    assert [field.name for field in headers.split(notice).fields].count("subject") == 1


def main() -> None:
    """The command."""
    import atheris  # noqa: PLC0415  only who fuzzes has it

    parser = argparse.ArgumentParser(description="fuzz what reads outside octets")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--merge", action="store_true")
    given = parser.parse_args()
    found = Path(".fuzz")
    found.mkdir(exist_ok=True)
    atheris.instrument_all()
    limits = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=2048", f"-dict={DICTIONARY}"]
    if given.merge:
        atheris.Setup([sys.argv[0], *limits, "-merge=1", str(CORPUS), str(found)], check)
    else:
        atheris.Setup([sys.argv[0], *limits, f"-max_total_time={given.seconds}", str(found), str(CORPUS)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
