"""The encrypted mail: what goes around the ciphertext, and the last check before it leaves (RFC 3156).

What gets encrypted is `relay.mail.payload`, which header fields stand outside is `relay.mail.outer_headers`.
`encrypted` raises nothing; `verify` raises `NotEncrypted`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from io import BytesIO

from relay.mail import armor, ciphertext, content_type, encrypted_packets, mime, packets
from relay.mail.headers import Head
from relay.mail.hidden_recipients import NOBODY, HiddenRecipients
from relay.mail.outer_headers import MIME_VERSION, outside, stands_outside
from relay.model.errors import NotEncrypted, OpenPgpError

_OURS = frozenset({"content-type", "mime-version"})
_VERSION_PART = (
    b"--%b\r\n"
    b"Content-Type: application/pgp-encrypted\r\n"
    b"Content-Description: PGP/MIME version identification\r\n"
    b"\r\n"
    b"Version: 1\r\n"
    b"\r\n"
)
_DATA_PART = (
    b"--%b\r\n"
    b'Content-Type: application/octet-stream; name="encrypted.asc"\r\n'
    b"Content-Description: OpenPGP encrypted message\r\n"
    b'Content-Disposition: attachment; filename="encrypted.asc"\r\n'
    b"\r\n"
)


def encrypted(
    head: Head, ciphertext: bytes, hidden: HiddenRecipients, *, received: bytes, protect_subject: bool
) -> bytes:
    """The message that leaves; `head` is the received one's, `ciphertext` the OpenPGP message made of the payload."""
    boundary = f"=_pgp-relay_{secrets.token_hex(16)}".encode("ascii")  # "_" is in no armor
    message = BytesIO()  # a large one is written once, where a join would have it twice
    message.writelines(
        [
            received,
            *outside(hidden.visible(head.fields), protect_subject=protect_subject),
            MIME_VERSION,
            b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r\n\tboundary="%b"\r\n'
            % boundary,
            b"\r\n",
            _VERSION_PART % boundary,
            _DATA_PART % boundary,
        ]
    )
    message.writelines(armor.pieces(ciphertext, "MESSAGE"))
    message.write(b"\r\n--%b--\r\n" % boundary)
    return message.getvalue()


def verify(
    message: bytes,
    recipients: Sequence[Sequence[str]],
    hidden: HiddenRecipients = NOBODY,
    *,
    protect_subject: bool = False,
    seipd2: bool = False,
) -> None:
    """Raise `NotEncrypted` unless it is an encrypted mail for exactly these recipients.

    A recipient is given as the key ids it may be encrypted to. Each has at least one session key packet (an
    engine may use several subkeys of one certificate), each packet is for one of them, and none is hidden. The data is
    a SEIPD packet of version 1; of version 2 only where `seipd2` says that all of them take it.
    """
    whole = mime.root(message)
    _verify_head(whole.head, hidden, protect_subject=protect_subject)
    kind = content_type.of(whole.head)
    try:
        data = ciphertext.pgp_mime(message, whole, kind or content_type.ContentType(""))
        named, tag = encrypted_packets.session_keys(data)
    except OpenPgpError as error:
        raise NotEncrypted(f"not encrypted: {error}") from error
    if tag != packets.SEIPD:
        raise NotEncrypted("not encrypted: the data is not integrity protected as it should be")
    versions = tuple(data[packet.body_start] for packet in packets.walk(data))
    if versions != (3,) * len(named) + (1,) and not (seipd2 and versions == (6,) * len(named) + (2,)):
        raise NotEncrypted("not encrypted: in packets of a version that a recipient's software may not read")
    _verify_recipients(named, recipients)


def _verify_head(head: Head, hidden: HiddenRecipients, *, protect_subject: bool) -> None:
    ours = sorted(field.name for field in head.fields if field.name in _OURS)
    others = [field for field in head.fields if field.name not in _OURS]
    if not head.separator:
        raise NotEncrypted("not encrypted: the header block does not end")
    if ours != sorted(_OURS) or MIME_VERSION not in [field.raw for field in head.fields]:
        raise NotEncrypted("not encrypted: there is not one Content-Type and one MIME-Version")
    if not all(stands_outside(field, protect_subject=protect_subject) for field in others):
        raise NotEncrypted("not encrypted: a field is left outside that belongs inside")
    if hidden.visible(head.fields) != head.fields:
        raise NotEncrypted("not encrypted: a hidden recipient is named")


def _verify_recipients(named: Sequence[str], recipients: Sequence[Sequence[str]]) -> None:
    wanted = [{key_id.upper() for key_id in key_ids} for key_ids in recipients]
    allowed = set[str]().union(*wanted)
    if not wanted or not all(not ids.isdisjoint(named) for ids in wanted):
        raise NotEncrypted("not encrypted: there is no session key for one of the recipients")
    if not allowed.issuperset(named) or "0" * 16 in named:
        raise NotEncrypted("not encrypted: there is a session key for somebody else")
    if len(set(named)) < len(named):
        raise NotEncrypted("not encrypted: there are two session keys for one key")
