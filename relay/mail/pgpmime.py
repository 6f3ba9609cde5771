"""The encrypted mail: what gets encrypted, what goes around it, and the last check before it leaves.

RFC 3156 section 4 and 6.2, RFC 9788 (`hp="cipher"` and `HP-Outer`), and `protected-headers="v1"`, which
Thunderbird and K-9 understand. Header fields are cut and joined as octets; the body goes into the payload
byte for byte, by one copy. `payload` and `encrypted` raise nothing; `verify` raises `NotEncrypted`.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from io import BytesIO

from relay.mail import armor, ciphertext, headers, mime, packets
from relay.mail.headers import Field, Head
from relay.model.errors import NotEncrypted, OpenPgpError

CONFIDENTIAL = frozenset(
    {
        "comments", "keywords",  # RFC 9788's baseline
        "thread-topic", "x-thread-topic",  # Outlook and Exchange: the subject
        "original-subject", "x-original-subject", "old-subject", "x-old-subject", "x-subject", "x-spam-prev-subject",
        "resent-subject", "resent-comments", "resent-keywords", "x-title", "x-topic", "x-comment", "x-comments",
        "summary", "abstract", "x-summary", "x-abstract", "x-description",
        "x-keywords", "x-mozilla-keys", "x-label", "x-gmail-labels", "msip_labels",  # how people filed it
    }
)  # fmt: skip
"""Gone outside where the subject is protected: what repeats it or sums the mail up."""
QUOTING = frozenset(
    {
        "x-spam-report", "x-spam-details", "x-barracuda-spam-report",  # SpamAssassin: a preview of the content
        "x-spamd-result", "x-spam-result", "x-rspamd-report",  # rspamd: addresses of links, names of attachments
        "x-amavis-alert", "x-mailscanner-spamcheck",  # names of attachments
        "x-attachments", "x-attachment-name", "x-ms-attachment-names",
        "x-microsoft-antispam-message-info", "x-microsoft-antispam-message-info-original",  # opaque, of the content
    }
)  # fmt: skip
"""Gone outside of every encrypted mail: what a filter that saw the content in clear wrote down of it."""
_QUOTING_FAMILIES = ("x-ms-exchange-antispam-messagedata", "x-ms-exchange-organization-", "x-ms-exchange-forest-")
"""The same; the last two are what Exchange itself takes out when a mail leaves the organisation."""
_SIGNATURES = frozenset({"dkim-signature", "arc-message-signature", "x-google-dkim-signature"})
_COPIES = re.compile(rb"[:;]\s*z\s*=", re.IGNORECASE)
"""RFC 6376 section 3.5: copies of header fields, Subject and Bcc among them; encryption breaks the signature anyway."""
PROTECTED = CONFIDENTIAL | frozenset(
    {
        "from", "sender", "reply-to", "to", "cc", "followup-to", "mail-followup-to", "mail-reply-to",
        "date", "subject", "message-id", "in-reply-to", "references",
        "thread-index", "importance", "priority", "sensitivity",
    }
)  # fmt: skip
"""Copied into the payload; trace, DKIM and Bcc fields never are, nor what filters wrote."""
HIDDEN_SUBJECT = b"Subject: [...]\r\n"

_PARAMETERS = b'; protected-headers="v1"; hp="cipher"'
_OURS = frozenset({"protected-headers", "hp"})
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
    b'Content-Disposition: inline; filename="encrypted.asc"\r\n'
    b"\r\n"
)


def payload(content: bytes, *, protect_subject: bool) -> bytes:
    """What gets encrypted: the received entity with a copy of its protected header fields."""
    head = headers.split(content)
    structural = [field for field in head.fields if _is_structural(field)]
    copied = [field for field in head.fields if field.name in PROTECTED]
    lines = [
        *_typed(structural),
        *(field.line for field in copied),
        *(b"HP-Outer: " + line for line in _outside(copied, protect_subject=protect_subject)),
        b"\r\n",
    ]
    return b"".join([*lines, memoryview(content)[head.body_start :]])


def encrypted(head: Head, ciphertext: bytes, *, received: bytes, protect_subject: bool) -> bytes:
    """The message that leaves; `head` is the received one's, `ciphertext` the OpenPGP message made of the payload."""
    boundary = f"=_pgp-relay_{secrets.token_hex(16)}".encode("ascii")  # "_" is in no armor
    outer = [field for field in head.fields if not (_is_structural(field) or field.name in headers.BLIND)]
    message = BytesIO()  # a large one is written once, where a join would have it twice
    message.writelines(
        [
            received,
            *_outside(outer, protect_subject=protect_subject),
            b"" if headers.first(head, "mime-version") else b"MIME-Version: 1.0\r\n",
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


def verify(message: bytes, recipients: Sequence[Sequence[str]], *, protect_subject: bool = False) -> None:
    """Raise `NotEncrypted` unless it is an encrypted mail for exactly these recipients.

    A recipient is given as the key ids it may be encrypted to. Each has at least one session key packet (an
    engine may use several subkeys of one certificate), each packet is for one of them, and none is hidden.
    """
    whole = mime.root(message)
    _verify_head(whole.head, protect_subject=protect_subject)
    kind = mime.content_type(whole.head)
    try:
        named, tag = ciphertext.session_keys(ciphertext.pgp_mime(message, whole, kind or mime.ContentType("")))
    except OpenPgpError as error:
        raise NotEncrypted(f"not encrypted: {error}") from error
    if tag != packets.SEIPD:
        raise NotEncrypted("not encrypted: the data is not integrity protected as it should be")
    _verify_recipients(named, recipients)


def _verify_head(head: Head, *, protect_subject: bool) -> None:
    names = [field.name for field in head.fields]
    if not head.separator:
        raise NotEncrypted("not encrypted: the header block does not end")
    if not headers.BLIND.isdisjoint(names):
        raise NotEncrypted("not encrypted: a Bcc field is left")
    if [name for name in names if name.startswith("content-")] != ["content-type"]:
        raise NotEncrypted("not encrypted: a Content field of the received mail is left outside")
    if any(map(_quotes, head.fields)):
        raise NotEncrypted("not encrypted: what a filter wrote of the content is left outside")
    if any(map(_copies, head.fields)):
        raise NotEncrypted("not encrypted: a signature with copies of header fields is left outside")
    if protect_subject and any(
        field.name in CONFIDENTIAL or (field.name == "subject" and field.raw != HIDDEN_SUBJECT) for field in head.fields
    ):
        raise NotEncrypted("not encrypted: the subject can be read")


def _verify_recipients(named: Sequence[str], recipients: Sequence[Sequence[str]]) -> None:
    wanted = [{key_id.upper() for key_id in key_ids} for key_ids in recipients]
    allowed = set[str]().union(*wanted)
    if not wanted or not all(not ids.isdisjoint(named) for ids in wanted):
        raise NotEncrypted("not encrypted: there is no session key for one of the recipients")
    if not allowed.issuperset(named) or "0" * 16 in named:
        raise NotEncrypted("not encrypted: there is a session key for somebody else")
    if max(Counter(named).values()) > 1:
        raise NotEncrypted("not encrypted: there are two session keys for one key")


def _quotes(field: Field) -> bool:
    return field.name in QUOTING or field.name.startswith(_QUOTING_FAMILIES)


def _copies(field: Field) -> bool:
    return field.name in _SIGNATURES and _COPIES.search(field.line) is not None


def _is_structural(field: Field) -> bool:
    return field.name.startswith("content-")


def _outside(fields: Iterable[Field], *, protect_subject: bool) -> list[bytes]:
    """How the fields stand outside of the protection: the first Subject for all."""
    shown = [field for field in fields if not (_quotes(field) or _copies(field))]
    if not protect_subject:
        return [field.line for field in shown]
    lines: list[bytes] = []
    for field in shown:
        if field.name not in CONFIDENTIAL | {"subject"}:
            lines.append(field.line)
        elif field.name == "subject" and HIDDEN_SUBJECT not in lines:
            lines.append(HIDDEN_SUBJECT)
    return lines


def _typed(structural: list[Field]) -> list[bytes]:
    """The Content fields, the parameters put into a Content-Type that can be read; text/plain where none is."""
    types = [field for field in structural if field.name == "content-type"]
    if not types:
        return [b"Content-Type: text/plain%b\r\n" % _PARAMETERS, *(field.line for field in structural)]
    return [_marked(field) if types == [field] else field.line for field in structural]


def _marked(field: Field) -> bytes:
    kind = mime.parse(field)
    if kind is None:
        return field.line
    raw = field.line
    for old in reversed([one for one in kind.parameters if one.name.partition("*")[0] in _OURS]):
        raw = raw[: old.start] + raw[old.end :]
    return raw.rstrip(b"; \t\r\n") + _PARAMETERS + b"\r\n"
