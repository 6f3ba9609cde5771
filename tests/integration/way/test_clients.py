"""What notmuch, mutt and openpgp.js make of each kind of mail that the relay encrypts, with each engine.

`tests/clients/thunderbird.py` asks a real Thunderbird the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from lab import mutt, notmuch, openpgpjs, payloads
from lab.known import Known, armored
from lab.mail_kinds import KINDS, SENDER, UNSIGNED, Arrived, through_the_relay
from lab.openpgpjs import needs_openpgpjs

from relay.mail import headers

NAMES = [*(kind.name for kind in KINDS), "client-signed", "client-signed-alone"]
kinds = pytest.mark.parametrize("name", NAMES)


@dataclass
class Inbox:
    """A reader, and what they got."""

    reader: Known
    mails: dict[str, Arrived]


@pytest.fixture(scope="module", params=["gnupg", "sequoia"])
def inbox(request: pytest.FixtureRequest) -> Iterator[Inbox]:
    with Known() as reader, Known(SENDER) as signer:
        mails = {mail.kind.name: mail for mail in through_the_relay(request.param, reader, signer)}
        reader.person.gpg("--import", data=signer.person.export())
        for mail in mails.values():
            reader.person.gpg("--import", data=mail.signer.partition("\n")[2].encode())
        yield Inbox(reader, mails)


def relay_signs(mail: Arrived) -> bool:
    return not mail.kind.late and mail.kind.by != UNSIGNED


@kinds
def test_notmuch_shows_the_subject_and_finds_the_signature_good(inbox: Inbox, name: str) -> None:
    mail = inbox.mails[name]
    shown = notmuch.show(mail.content, inbox.reader.person.home)
    assert shown["headers"]["Subject"] == mail.subject
    crypto = shown["crypto"]
    assert crypto["decrypted"]["status"] == "full"
    assert [one["status"] for one in crypto.get("signed", {}).get("status", [])] == ["good"] * relay_signs(mail)
    assert not relay_signs(mail) or crypto["signed"]["encrypted"]
    leaves = [leaf for part in shown["body"] for leaf in notmuch.leaves(part)]
    texts = [leaf["content"] for leaf in leaves if leaf.get("content-type") == "text/plain"]  # others stand in no JSON
    assert not texts or mail.kind.text in "".join(texts)
    assert set(mail.kind.attachments) <= {leaf.get("filename") for leaf in leaves}


@kinds
def test_mutt_shows_the_subject_and_finds_the_signature_good(inbox: Inbox, name: str) -> None:
    mail = inbox.mails[name]
    shown = mutt.show(mail.content, inbox.reader.person.home)
    assert shown.subject == mail.subject
    assert f"Subject: {mail.subject}\n" in shown.text
    assert "PGP/MIME signed and encrypted" in shown.text or not relay_signs(mail)
    by_relay = [f"Hôpital Exemple <relay-{mail.engine}@hopital.example>"] * relay_signs(mail)
    by_client = [f"Someone <{SENDER}>"] * name.startswith("client-signed")
    assert shown.signatures == by_relay + by_client
    assert mail.kind.text in shown.text
    assert all(f": {attached} --]" in shown.text for attached in mail.kind.attachments)


@needs_openpgpjs
@kinds
def test_openpgpjs_decrypts_what_was_sent_and_finds_the_signature_good(inbox: Inbox, name: str) -> None:
    mail = inbox.mails[name]
    secret = inbox.reader.person.gpg("--export-secret-keys", inbox.reader.fingerprints[0])
    read = openpgpjs.read(armored(mail.content), secret, mail.signer.partition("\n")[2] if relay_signs(mail) else "")
    assert read.signatures == relay_signs(mail)
    assert payloads.body(read.payload) == mail.sent[headers.split(mail.sent).body_start :]


@pytest.mark.parametrize("name", ["client-signed", "client-signed-alone"])
def test_the_client_s_own_signature_is_good_still(inbox: Inbox, name: str) -> None:
    """The received entity stands inside byte for byte, as a mail of its own."""
    mail = inbox.mails[name]
    secret = inbox.reader.decrypt(mail.content)
    inner = b"Subject: inner\r\n" + payloads.entity(secret)
    shown = notmuch.show(inner, inbox.reader.person.home)
    assert [one["status"] for one in shown["crypto"]["signed"]["status"]] == ["good"]
