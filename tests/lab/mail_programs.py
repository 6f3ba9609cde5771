"""The forms in which mail programs send signed and encrypted mail (RFC 3156), written after their own mails.

A form is an outer entity around an armored message, and an inner one around a text. What differs between programs is
kept: the order and case of parameters, preambles, disposition, armor header lines, the place of the subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_QUOTED = "Bonjour,\r\n\r\nle compte rendu de l'IRM est pr=C3=AAt.\r\n--=3D20\r\nBob\r\n"


@dataclass(frozen=True)
class Form:
    """`{armor}` in the outer entity and `{subject}` in the inner one stand for what each mail has."""

    outside: str
    inside: str
    armor_lines: str = ""
    subject_inside: bool = True

    def inner(self, subject: str) -> bytes:
        """The entity that is signed and encrypted."""
        return self.inside.replace("{subject}", subject).encode()

    def mail(self, header: bytes, armored: bytes) -> bytes:
        """The mail, with this header before the Content-Type field."""
        begin, _, rest = armored.decode().partition("\r\n")
        return header + self.outside.replace("{armor}", f"{begin}\r\n{self.armor_lines}{rest}").encode()


def _lines(*lines: str) -> str:
    return "\r\n".join((*lines, ""))


FORMS: Mapping[str, Form] = {
    "Thunderbird": Form(
        _lines(
            "Content-Type: multipart/encrypted;",
            ' protocol="application/pgp-encrypted";',
            ' boundary="------------0IHs0wCY0VbzyxJhkUwaxXb3"',
            "",
            "This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)",
            "--------------0IHs0wCY0VbzyxJhkUwaxXb3",
            "Content-Type: application/pgp-encrypted",
            "Content-Description: PGP/MIME version identification",
            "",
            "Version: 1",
            "",
            "--------------0IHs0wCY0VbzyxJhkUwaxXb3",
            'Content-Type: application/octet-stream; name="encrypted.asc"',
            "Content-Description: OpenPGP encrypted message",
            'Content-Disposition: inline; filename="encrypted.asc"',
            "",
            "{armor}",
            "--------------0IHs0wCY0VbzyxJhkUwaxXb3--",
        ),
        _lines(
            'Content-Type: multipart/mixed; boundary="------------VkyXSgoTKVZ5ZpR5vKDDnLhO";',
            ' protected-headers="v1"',
            "From: Bob <bob@example.org>",
            "To: dr.martin@hopital.example",
            "Message-ID: <5d9bd06e-8b2e-4ac5-9be2-8a1f2a0b1c2d@example.org>",
            "Subject: {subject}",
            "",
            "--------------VkyXSgoTKVZ5ZpR5vKDDnLhO",
            "Content-Type: text/plain; charset=UTF-8; format=flowed",
            "Content-Transfer-Encoding: quoted-printable",
            "",
            _QUOTED + "--------------VkyXSgoTKVZ5ZpR5vKDDnLhO--",
        ),
    ),
    "K-9": Form(
        _lines(
            'Content-Type: multipart/encrypted; boundary="----1ZB3UY8C9HAPQIBG2P1QCKPVKY9S0O";',
            ' protocol="application/pgp-encrypted"',
            "",
            "------1ZB3UY8C9HAPQIBG2P1QCKPVKY9S0O",
            "Content-Type: application/pgp-encrypted",
            "",
            "Version: 1",
            "------1ZB3UY8C9HAPQIBG2P1QCKPVKY9S0O",
            'Content-Type: application/octet-stream; name="encrypted.asc"',
            'Content-Disposition: inline; filename="encrypted.asc"',
            "",
            "{armor}",
            "------1ZB3UY8C9HAPQIBG2P1QCKPVKY9S0O--",
        ),
        _lines(
            'Content-Type: text/plain; protected-headers="v1";',
            " charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "Subject: {subject}",
            "",
            _QUOTED.rstrip("\r\n"),
        ),
    ),
    "Proton": Form(
        _lines(
            "Content-Type: multipart/encrypted;",
            ' protocol="application/pgp-encrypted";',
            ' boundary="------5c7f3b1ab4f1f8f2b6a4b4c9c4c0d3f8";',
            " charset=utf-8",
            "",
            "This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)",
            "--------5c7f3b1ab4f1f8f2b6a4b4c9c4c0d3f8",
            "Content-Type: application/pgp-encrypted",
            "Content-Description: PGP/MIME version identification",
            "",
            "Version: 1",
            "",
            "--------5c7f3b1ab4f1f8f2b6a4b4c9c4c0d3f8",
            'Content-Type: application/octet-stream; name="encrypted.asc"',
            "Content-Description: OpenPGP encrypted message",
            'Content-Disposition: inline; filename="encrypted.asc"',
            "",
            "{armor}",
            "",
            "--------5c7f3b1ab4f1f8f2b6a4b4c9c4c0d3f8--",
        ),
        _lines(
            "Content-Type: multipart/mixed;boundary=---------------------b7c1a5a4b8e0d9c6f4b2a1908f7e6d5c",
            "",
            "-----------------------b7c1a5a4b8e0d9c6f4b2a1908f7e6d5c",
            "Content-Transfer-Encoding: quoted-printable",
            "Content-Type: text/plain;charset=utf-8",
            "",
            _QUOTED + "-----------------------b7c1a5a4b8e0d9c6f4b2a1908f7e6d5c--",
        ),
        armor_lines="Version: ProtonMail\r\nComment: https://proton.me\r\n",
        subject_inside=False,
    ),
    "GpgOL": Form(
        _lines(
            "Content-Type: multipart/encrypted;",
            '\tprotocol="application/pgp-encrypted";',
            '\tboundary="=-=Yj1vF8XJ2o3yB4=-="',
            "",
            "--=-=Yj1vF8XJ2o3yB4=-=",
            "Content-Type: application/pgp-encrypted",
            'Content-Disposition: attachment; filename="GpgOL_MIME_structure.txt"',
            "Content-Transfer-Encoding: 7Bit",
            "",
            "Version: 1",
            "",
            "--=-=Yj1vF8XJ2o3yB4=-=",
            "Content-Type: application/octet-stream",
            'Content-Disposition: inline; filename="openpgp-encrypted-message.asc"',
            "Content-Transfer-Encoding: 7Bit",
            "",
            "{armor}",
            "--=-=Yj1vF8XJ2o3yB4=-=--",
        ),
        _lines(
            "Content-Type: multipart/mixed;",
            '\tprotected-headers="v1";',
            '\tboundary="=-=4vI8pZ0tGd5s=-="',
            "Subject: {subject}",
            "From: bob@example.org",
            "To: dr.martin@hopital.example",
            "",
            "--=-=4vI8pZ0tGd5s=-=",
            "Content-Type: text/plain;",
            '\tcharset="utf-8"',
            "Content-Transfer-Encoding: quoted-printable",
            "",
            _QUOTED + "--=-=4vI8pZ0tGd5s=-=--",
        ),
    ),
    "Apple Mail": Form(
        _lines(
            "Content-Transfer-Encoding: 7bit",
            "Content-Type: multipart/encrypted;",
            '\tboundary="Apple-Mail=_B5A3B0F2-6B0F-4B5C-9E0B-0C6A8D1E2F30";',
            '\tprotocol="application/pgp-encrypted";',
            "",
            "This is an OpenPGP/MIME encrypted message (RFC 2440 and 3156)",
            "--Apple-Mail=_B5A3B0F2-6B0F-4B5C-9E0B-0C6A8D1E2F30",
            "Content-Transfer-Encoding: 7bit",
            "Content-Type: application/pgp-encrypted",
            "Content-Description: PGP/MIME Versions Identification",
            "",
            "Version: 1",
            "",
            "--Apple-Mail=_B5A3B0F2-6B0F-4B5C-9E0B-0C6A8D1E2F30",
            "Content-Transfer-Encoding: 7bit",
            "Content-Disposition: inline;",
            "\tfilename=encrypted.asc",
            "Content-Type: application/octet-stream;",
            "\tname=encrypted.asc",
            "Content-Description: OpenPGP encrypted message",
            "",
            "{armor}",
            "",
            "--Apple-Mail=_B5A3B0F2-6B0F-4B5C-9E0B-0C6A8D1E2F30--",
        ),
        _lines(
            "Content-Transfer-Encoding: quoted-printable",
            "Content-Type: text/plain;",
            "\tcharset=utf-8",
            "",
            _QUOTED.rstrip("\r\n"),
        ),
        armor_lines="Comment: GPGTools - https://gpgtools.org\r\n",
        subject_inside=False,
    ),
}
"""The name of the program -> its form."""
