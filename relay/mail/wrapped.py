"""Puts an incoming mail into a note for its reader, which says why it stays closed, or that its signature is bad.

The note is the text; the mail is attached as it is (RFC 2046 section 5.2.1). The header in front is the mail's own, its
`Content-*` fields excepted. Nothing of the mail stands in the note.
"""

from __future__ import annotations

import binascii
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from relay.mail.headers import Field
from relay.mail.notice_texts import Language
from relay.mail.outer_headers import MIME_VERSION
from relay.mail.payload import is_structural
from relay.model.opened import Reason

_CLOSED = {
    Language.EN: (
        "This mail is encrypted, and it could not be opened for you here: {why}\n\n"
        "The mail is attached as it came. Please ask its sender to encrypt it again to your own key, or to reach you "
        "another way.\n\n"
        "If you have questions: {contact}.\n"
    ),
    Language.FR: (
        "Ce courriel est chiffré et n'a pas pu être déchiffré pour vous\xa0: {why}\n\n"
        "Le courriel d'origine est joint, tel qu'il est arrivé. Demandez à son expéditeur de le chiffrer à nouveau "
        "avec votre propre clé, ou de vous joindre autrement.\n\n"
        "Pour toute question\xa0: {contact}.\n"
    ),
}
_BAD = {
    Language.EN: (
        "Warning: the signature of this mail is not valid. It may have been changed on the way, or written by somebody "
        "else than the sender it shows.\n\n"
        "Do not act on it before you have checked in another way, by telephone for example. The mail is attached.\n\n"
        "If you have questions: {contact}.\n"
    ),
    Language.FR: (
        "Attention\xa0: la signature de ce courriel est invalide. Il a pu être modifié en chemin, ou avoir été "
        "écrit par une autre personne que l'expéditeur affiché.\n\n"
        "N'en tenez pas compte avant d'avoir vérifié par un autre moyen, par téléphone par exemple. Le courriel est "
        "joint.\n\n"
        "Pour toute question\xa0: {contact}.\n"
    ),
}
_WHY: Mapping[Language, Mapping[Reason, str]] = {
    Language.EN: {
        Reason.NO_KEY: "it is not encrypted to a key that we have.",
        Reason.NOT_ENTITLED: "it is encrypted to the key of another person.",
        Reason.NO_INTEGRITY: "it has no protection against changes, which is no longer accepted.",
        Reason.DAMAGED: "it was damaged or changed on the way.",
        Reason.MIXED: "only a part of it is encrypted.",
        Reason.MISMATCH: "the sender inside is another than the one outside.",
        Reason.TOO_LARGE: "it is too large.",
    },
    Language.FR: {
        Reason.NO_KEY: "il n'a pas été chiffré avec une clé que nous possédons.",
        Reason.NOT_ENTITLED: "il a été chiffré pour une autre personne.",
        Reason.NO_INTEGRITY: "il n'est pas protégé contre les modifications, ce qui n'est plus accepté.",
        Reason.DAMAGED: "il a été endommagé ou modifié en chemin.",
        Reason.MIXED: "une partie seulement en est chiffrée.",
        Reason.MISMATCH: "l'expéditeur indiqué à l'intérieur n'est pas celui qui est affiché.",
        Reason.TOO_LARGE: "il est trop volumineux.",
    },
}


@dataclass(frozen=True, slots=True)
class Notes:
    """The language and names with which notes are written."""

    language: Language
    contact: str | None = None

    def closed(self, reason: Reason) -> str:
        """Why a mail stays closed."""
        why = _WHY[self.language].get(reason, _WHY[self.language][Reason.DAMAGED])
        return _CLOSED[self.language].format(why=why, contact=self._contact)

    def bad_signature(self) -> str:
        """The warning that a signature is bad."""
        return _BAD[self.language].format(contact=self._contact)

    @property
    def _contact(self) -> str:
        return self.contact or self.language.administrator


def wrapped(fields: Iterable[Field], note: str, mail: bytes) -> tuple[tuple[Field, ...], bytes]:
    """The header and the body of the mail with the note."""
    boundary = f"=_{secrets.token_hex(16)}"  # `=_` stands in no quoted-printable text
    kept = [one for one in fields if not is_structural(one) and one.name != "mime-version"]
    kind = f'Content-Type: multipart/mixed;\r\n\tboundary="{boundary}"\r\n'.encode()
    encoding = b"7bit" if mail.isascii() else b"8bit"
    body = b"".join(
        [
            f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n".encode(),
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
            binascii.b2a_qp("\r\n".join(note.splitlines()).encode() + b"\r\n", istext=True),
            f"\r\n--{boundary}\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n".encode(),
            b"Content-Transfer-Encoding: %b\r\n\r\n" % encoding,
            mail,
            f"\r\n--{boundary}--\r\n".encode(),
        ]
    )
    structure = [Field(MIME_VERSION), Field(kind)]
    structure += [Field(b"Content-Transfer-Encoding: 8bit\r\n")] if encoding == b"8bit" else []
    return (*kept, *structure), body
