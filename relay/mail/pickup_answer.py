"""Makes a mail of an answer written on the page: the browser's ciphertext as PGP/MIME (RFC 3156).

It comes from a fixed address of ours, so that nobody's From is forged; Reply-To is the reader, so that an answer to it
is again a pick-up. The same answer makes the same octets. Raises nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.utils import format_datetime

from relay.mail.armor import enarmor
from relay.mail.notice_texts import Language
from relay.model import Address
from relay.model.pickup import Pickup

_NAMES = {Language.EN: "Answer by the secure page", Language.FR: "Réponse par la page sécurisée"}
_SUBJECT = "[...]"


@dataclass(frozen=True, slots=True)
class Answers:
    """Makes them for a site."""

    service: Address
    """The address that they come from."""
    language: Language

    def mail(self, pickup: Pickup, to: Address, ciphertext: bytes, written: datetime) -> bytes:
        """The whole mail, CRLF."""
        digest = hashlib.sha256(pickup.id.encode() + written.isoformat().encode() + ciphertext).hexdigest()
        return _joined(self._head(pickup, to, written, digest), ciphertext, f"=_{digest[32:]}".encode())

    def _head(self, pickup: Pickup, to: Address, written: datetime, digest: str) -> bytes:
        head = EmailMessage(policy.SMTP if to.is_ascii and pickup.recipient.is_ascii else policy.SMTPUTF8)
        head["From"] = HeaderAddress(_NAMES[self.language], self.service.local, self.service.domain)
        head["Reply-To"] = f"<{pickup.recipient.text}>"
        head["To"] = f"<{to.text}>"
        head["Subject"] = _SUBJECT
        head["Date"] = format_datetime(written)
        head["Message-ID"] = f"<{digest[:32]}@{self.service.domain.strip('[]')}>"
        if pickup.message_id:
            head["In-Reply-To"] = head["References"] = pickup.message_id
        head["Auto-Submitted"] = "auto-generated"  # no program answers it for the clinician
        return head.as_bytes().rstrip(b"\r\n")


def _joined(head: bytes, ciphertext: bytes, boundary: bytes) -> bytes:
    kind = b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r\n\tboundary="%b"' % boundary
    version = b"--%b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n" % boundary
    data = b'--%b\r\nContent-Type: application/octet-stream; name="encrypted.asc"\r\n\r\n' % boundary
    end = b"\r\n--%b--\r\n" % boundary
    return b"".join(
        (head, b"\r\nMIME-Version: 1.0\r\n", kind, b"\r\n\r\n", version, data, enarmor(ciphertext, "MESSAGE"), end)
    )
