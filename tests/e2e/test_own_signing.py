"""Mail of own addresses through real Postfix: signed with the sender's key, in clear as well, and announced."""

from __future__ import annotations

import base64
import email
import email.policy
import re
import subprocess
from collections.abc import Iterator
from email.utils import format_datetime, localtime
from pathlib import Path

import pytest
from lab.gnupghome import gnupg_home, gpg
from lab.readers import READERS
from lab.sink import Taken
from lab.way import Way, encrypted_part, way

from relay.mail import headers

pytestmark = pytest.mark.waits

MARTIN, DESK = "dr.martin@front.example", "accueil@front.example"
TEXT = "Le résultat  \r\nFrom here on\r\n" + "z" * 1500 + "\r\n"
HEADER = (
    "To: {to}\r\nSubject: Findings\r\nDate: {date}\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
)
POLICY = [{"name": "everyone", "encrypt": "preferred", "sign_clear": True}]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    existing = tmp_path_factory.mktemp("own") / "addresses.txt"
    existing.write_text(f"{MARTIN}\n")
    own = {"domains": ["front.example"], "addresses": str(existing), "autocrypt": "all"}
    with way({"policy": POLICY, "own": own}, signer=True) as made:
        made.relay.run("own", "create", "Hôpital Exemple")  # while the relay serves
        yield made


def letter(sender: str, to: str, extra: str = "") -> bytes:
    return f"{extra}From: Dr <{sender}>\r\n{HEADER.format(to=to, date=now())}{TEXT}".encode()


def now() -> str:
    """A late mail is not signed."""
    return format_datetime(localtime())


def sent(whole: Way, sender: str, to: str, extra: str = "") -> Taken:
    whole.sink.forget()
    whole.mta.submit(sender, [to], letter(sender, to, extra))
    (mail,) = whole.mails(1)
    return mail


def own_certificate(whole: Way, address: str) -> bytes:
    return whole.relay.run("own", "show", address).stdout


def test_an_own_address_signs_at_its_first_mail_and_correspondents_can_answer_by_its_autocrypt_field(
    whole: Way,
) -> None:
    key = whole.know("bob@known.example")["bob@known.example"]
    mail = sent(whole, MARTIN, "bob@known.example")
    certificate = own_certificate(whole, MARTIN)
    for name, read in READERS.items():
        clear = read(encrypted_part(mail), key.secret, certificate)
        assert clear.partition(b"\r\n\r\n")[2] == TEXT.encode(), name
    (line,) = whole.relay.trace("--to", "bob@known.example")
    assert line["signed_by"] in whole.relay.run("own", "list", "--full").stdout.decode()
    (field,) = headers.all(headers.split(mail.content), "autocrypt")
    data = base64.b64decode(re.sub(r"\s", "", field.value.partition("keydata=")[2]))
    with gnupg_home() as theirs:
        (theirs / "key").write_bytes(data)
        gpg(theirs, "--recipient-file", str(theirs / "key"), "--trust-model", "always", "--encrypt", content=b"answer")


def test_another_sender_is_signed_for_by_the_configured_key(whole: Way) -> None:
    key = whole.know("eva@known.example")["eva@known.example"]
    mail = sent(whole, DESK, "eva@known.example")
    configured = gpg(whole.relay.keyring, "--export", "relay@front.example").stdout
    assert READERS["gnupg"](encrypted_part(mail), key.secret, configured)
    assert "Autocrypt" not in mail.header


def test_what_came_in_from_outside_is_not_signed_with_the_key_of_its_from(whole: Way) -> None:
    known = whole.know("zoe@known.example")["zoe@known.example"]
    outside = "Received: from x (x.example [203.0.113.9]) by mx.front.example with ESMTP id 1; " + now() + "\r\n"
    mail = sent(whole, MARTIN, "zoe@known.example", outside)
    configured = gpg(whole.relay.keyring, "--export", "relay@front.example").stdout
    assert READERS["gnupg"](encrypted_part(mail), known.secret, configured)
    assert "Autocrypt" not in mail.header


def test_cleartext_mail_arrives_signed_by_its_sender_and_reads_as_it_was_written(whole: Way, tmp_path: Path) -> None:
    mail = sent(whole, MARTIN, "someone@unknown.example")
    assert_verifies(mail, own_certificate(whole, MARTIN), tmp_path)
    read = email.message_from_bytes(mail.content, policy=email.policy.default)
    assert read.get_content_type() == "multipart/signed"
    part, _ = read.iter_parts()
    assert part.get_payload(decode=True) == TEXT.encode()
    assert read["Subject"] == "Findings"


def test_what_a_program_of_this_machine_hands_to_postfix_is_signed_too(whole: Way, tmp_path: Path) -> None:
    whole.sink.forget()
    text = letter(MARTIN, "local@unknown.example").replace(b"\r\n", b"\n").decode()
    words = ["sendmail", "-C", str(whole.mta.folder), "-f", MARTIN, "local@unknown.example"]
    subprocess.run(words, input=text, text=True, check=True, capture_output=True)
    (mail,) = whole.mails(1)
    assert_verifies(mail, own_certificate(whole, MARTIN), tmp_path)


def assert_verifies(mail: Taken, certificate: bytes, folder: Path) -> None:
    """As gpg and sq verify what a mail program cuts out of it: the octets of the first part (RFC 3156 section 5)."""
    boundary = re.search(r'boundary="([^"]+)"', mail.header)
    assert boundary is not None
    delimiter = b"\r\n--" + boundary[1].encode()
    _, first, second, _ = mail.content.split(delimiter)
    (folder / "part").write_bytes(first.removeprefix(b"\r\n"))
    (folder / "signature").write_bytes(second.partition(b"\r\n\r\n")[2])
    (folder / "certificate").write_bytes(certificate)
    with gnupg_home() as theirs:
        gpg(theirs, "--import", content=certificate)
        told = gpg(theirs, "--verify", str(folder / "signature"), str(folder / "part"))
    assert b" GOODSIG " in told.stderr
    words = ["--signer-cert", f"{folder}/certificate", "--detached", f"{folder}/signature", f"{folder}/part"]
    subprocess.run(["sq", "verify", *words], check=True, capture_output=True)
