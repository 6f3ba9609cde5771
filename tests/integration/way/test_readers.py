"""What correspondents' software makes of a mail that went through the relay."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.utils import localtime
from pathlib import Path

import pytest
from lab import notmuch
from lab.correspondent import Correspondent
from lab.known import armored
from lab.readers import READERS
from lab.relay import Relay
from lab.shared import CERTS, needs_certs, octets, public_half
from lab.sink import Sink

SUBJECT = "Résultats d'analyse"
TEXT = "La glycémie est élevée.\n"
ATTACHED = "examen;valeur\nglycémie;1,42\n"
ALGORITHMS = {"rsa": ("rsa3072", "rsa3072"), "cv25519": ("ed25519", "cv25519"), "nistp256": ("nistp256", "nistp256")}
"""That GnuPG makes."""
ED25519 = CERTS / "rpgp-rfc9580" / "v4-ed25519-x25519" / "tsk.asc"
"""That rpgp made, for `user@example.org`."""
KEYS = [
    *(pytest.param("gnupg", made, id=f"{made}-gnupg") for made in ALGORITHMS),
    *(pytest.param("sequoia", made, id=f"{made}-sequoia") for made in ("rsa", "nistp256")),
    *(pytest.param(engine, ED25519, id=f"v4-ed25519-{engine}", marks=needs_certs) for engine in ("gnupg", "sequoia")),
]
keys = pytest.mark.parametrize(("engine", "key"), KEYS, scope="module")


@dataclass
class Inbox:
    """A recipient, the encrypted mail they got, and what was sent."""

    person: Correspondent
    fingerprint: str
    signer: bytes
    mail: bytes
    sent: bytes


def letter(to: str) -> bytes:
    mail = EmailMessage(policy.SMTP)
    mail["From"] = "Dr Martin <martin@hopital.example>"
    mail["To"] = to
    mail["Subject"] = SUBJECT
    mail["Date"] = localtime()  # a late mail is not signed
    mail["Message-ID"] = "<readers@hopital.example>"
    mail.set_content(TEXT, cte="quoted-printable")
    mail.add_attachment(ATTACHED, filename="résultats.csv", subtype="csv", cte="base64")
    return mail.as_bytes()


@pytest.fixture(scope="module")
def inbox(engine: str, key: str | Path) -> Iterator[Inbox]:
    settings = {"engine": engine}
    with (
        Correspondent() as person,
        Sink() as sink,
        Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", **settings}) as relay,
    ):
        if isinstance(key, Path):
            address, public = "user@example.org", public_half(octets(key))
            person.gpg("--import", data=octets(key))
        else:
            address = f"{key}@ville.example"
            make_key(person, key, address)
            public = person.export()
        relay.run("keys", "import", "-", content=public)
        fingerprint, _, signer = relay.run("keys", "generate", "Relay", "relay@hopital.example").stdout.partition(b"\n")
        relay.configure({**relay.settings, "sign": {"default": fingerprint.decode()}})
        relay.start()
        sent = letter(address)
        with smtplib.LMTP("127.0.0.1", relay.port) as client:
            client.sendmail("martin@hopital.example", [address], sent)
        (arrived,) = sink.wait_for(1)
        person.gpg("--import", data=signer)
        yield Inbox(person, _fingerprint(person), signer, arrived.content, sent)


def make_key(person: Correspondent, algorithm: str, address: str) -> None:
    primary, subkey = ALGORITHMS[algorithm]
    person.gpg("--quick-generate-key", f"Someone <{address}>", primary, "cert,sign", "never")
    person.gpg("--quick-add-key", _fingerprint(person), subkey, "encr", "never")


def _fingerprint(person: Correspondent) -> str:
    listing = person.gpg("--list-keys", "--with-colons").decode().splitlines()
    return next(line.split(":")[9] for line in listing if line.startswith("fpr:"))


@keys
def test_notmuch_shows_subject_body_attachment_and_a_good_signature(inbox: Inbox) -> None:
    message = notmuch.show(inbox.mail, inbox.person.home)
    assert message["headers"]["Subject"] == SUBJECT
    status = message["crypto"]
    assert status["decrypted"]["status"] == "full"
    assert status["signed"]["status"][0]["status"] == "good"
    parts = {leaf["content-type"]: leaf for part in message["body"] for leaf in notmuch.leaves(part)}
    text, attached = parts["text/plain"], parts["text/csv"]
    assert text["content"].strip() == TEXT.strip()
    assert attached["filename"] == "résultats.csv"
    assert attached["content"] == ATTACHED


@keys
@pytest.mark.parametrize("reader", sorted(READERS))
def test_other_software_decrypts_it_and_finds_the_signature_good(inbox: Inbox, reader: str) -> None:
    secret = inbox.person.gpg("--export-secret-keys", inbox.fingerprint)
    payload = READERS[reader](armored(inbox.mail), secret, inbox.signer)
    assert payload.partition(b"\r\n\r\n")[2] == inbox.sent.partition(b"\r\n\r\n")[2]
    assert SUBJECT.encode() not in inbox.mail
    assert b'hp="cipher"' in payload
