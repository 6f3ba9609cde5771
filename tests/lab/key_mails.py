"""Somebody with GnuPG and a mailbox, who mails a key and answers what comes back."""

from __future__ import annotations

import email
import email.policy
import re
import secrets
from email.utils import formatdate

from lab import canary
from lab.correspondent import Correspondent
from lab.hospital import MX, multipart_signed, pgp_mime
from lab.sink import Taken
from lab.way import encrypted_part
from relay.mail import armor

KEYS = "cles@hopital.example"
_TOKEN = re.compile(r"^ +confirm ([A-Za-z0-9_-]{32})\s*$", re.MULTILINE)
_DECRYPTED = re.compile(r"^\[GNUPG:\] DECRYPTION_KEY [0-9A-F]+ ([0-9A-F]+)", re.MULTILINE)
_REFUSAL = re.compile(r"^ +not me ([A-Za-z0-9_-]{32})\s*$", re.MULTILINE)


class Writer(Correspondent):
    """`with Writer("bob@example.org") as bob: mail = bob.key_mail()`."""

    def __init__(self, address: str, ours: bytes = b"", created: str = "20240101T120000") -> None:
        """`ours` is the certificate that our mails are signed with."""
        super().__init__()
        self.address = address
        if ours:
            self.gpg("--import", data=ours)
        self.key = self.new_key(f"Bob <{address}>", created=created, expires="10y")

    def header(self, *more: str, author: str = "", subject: str = "My key") -> bytes:
        """As it leaves; nothing in it was signed."""
        lines = [
            f"From: {author or self.address}",
            f"To: {KEYS}",
            f"Subject: {subject}",
            f"Date: {formatdate()}",
            f"Message-ID: <{secrets.token_hex(8)}@example.org>",
            "MIME-Version: 1.0",
            *more,
        ]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def key_mail(self, *more: str, author: str = "", key: bytes = b"") -> bytes:
        """With the public key attached."""
        block = armor.enarmor(key or self.export(self.key), "PUBLIC KEY BLOCK")
        return self.header(*more, author=author) + (
            b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\nContent-Type: text/plain\r\n\r\nGreetings\r\n'
            b"--m\r\nContent-Type: application/pgp-keys; name=key.asc\r\n\r\n" + block + b"\r\n--m--\r\n"
        )

    def read(self, mail: Taken) -> str:
        """The text of an encrypted mail; what is signed by somebody else than us is an error."""
        clear = self.gpg("--decrypt", data=encrypted_part(mail))
        entity = email.message_from_bytes(clear, policy=email.policy.default)
        text = entity.get_body(("plain",))
        assert text is not None
        return str(text.get_content())

    def opens(self, mail: Taken) -> str:
        """The fingerprint of the primary key whose subkey opens it."""
        command = ("--status-fd", "1", "--output", "/dev/null", "--decrypt")
        found = _DECRYPTED.search(self.gpg(*command, data=encrypted_part(mail)).decode())
        assert found
        return found[1]

    def refusal(self, invitation: Taken) -> str:
        """With what it is refused by mail."""
        parsed = email.message_from_bytes(invitation.content, policy=email.policy.default)
        text, _signature = parsed.iter_parts()
        (found,) = set(_REFUSAL.findall(str(text.get_content())))
        return str(found)

    def token(self, challenge: Taken) -> str:
        found = _TOKEN.findall(self.read(challenge))
        assert len(set(found)) == 1, found
        return str(found[0])

    def signed_reply(self, text: str, *, key: str = "") -> bytes:
        """multipart/signed, as a mail program writes it."""
        part = f"Content-Type: text/plain; charset=utf-8\r\n\r\n> confirm {text}\r\n".encode()
        canary.sent(part)
        signature = self.gpg("--local-user", key or self.key, "--detach-sign", data=part)
        return self.header(subject="Re: Confirm") + multipart_signed(part, signature)

    def encrypted_reply(self, text: str, certificate: bytes) -> bytes:
        """Signed, and encrypted to our address for keys."""
        payload = f"Content-Type: text/plain\r\n\r\nconfirm {text}\r\n".encode()
        (self.home / "ours.pgp").write_bytes(certificate)
        to = ("--recipient-file", str(self.home / "ours.pgp"))
        data = self.gpg("--sign", "--local-user", self.key, "--encrypt", *to, data=payload)
        return pgp_mime(data, self.header(subject="..."))

    def plain_reply(self, text: str) -> bytes:
        return self.header() + f"Content-Type: text/plain\r\n\r\nconfirm {text}\r\n".encode()


def through_mx(mail: bytes, domain: str = "example.org", result: str = "pass", *more: str) -> bytes:
    """As our MX hands it on: it says what it found of the domain's DKIM signature, which it does not have to have."""
    results = f"Authentication-Results: {MX}; dkim={result} header.d={domain} header.s=s1 header.b=AbCd1234"
    received = f"Received: from out.example by {MX} (Postfix) with ESMTPS id 4X; {formatdate()}"
    signature = (
        f"DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s=s1; h=from:to:subject:date:message-id; bh=xyz=; b=AbCd1234ef"
    )
    return "".join(f"{line}\r\n" for line in (results, received, *more, signature)).encode() + mail
