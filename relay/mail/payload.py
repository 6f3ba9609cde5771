"""What gets encrypted: the received entity with its header fields, marked so that mail programs show these.

The mark is `protected-headers="v1"` (Thunderbird, K-9, notmuch) and `hp="cipher"` with `HP-Outer` (RFC 9788). It stands
right behind the type of the received Content-Type, where every reader finds it whatever follows. Where that is no safe
place the received entity is wrapped: multipart/mixed, which has the mark and the fields, around one part that is the
received Content fields and body, byte for byte. These are wrapped: what has a type that cannot be read, or marks that
cannot be told from text, and what its client signed or encrypted, since mail programs look inside of that for the mark.

Fields are cut and joined as octets; the body goes in byte for byte, by one copy. Raises nothing.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from relay.mail import content_type, headers
from relay.mail.headers import Field
from relay.mail.hidden_recipients import HiddenRecipients
from relay.mail.outer_headers import outside

OUTSIDE_ALONE = frozenset({"received", "delivered-to", "autocrypt", "mime-version", "hp-outer"})
"""Trace, and what says nothing inside; `HP-Outer` as it was received tells of a header that is no more."""

_MARK = b'; protected-headers="v1"; hp="cipher"'
_OURS = frozenset({"protected-headers", "hp"})
_TYPE = re.compile(
    rb"[^:]*:[ \t\r\n]*([!#$%&'*+.^_`{|}~0-9A-Za-z-]+/[!#$%&'*+.^_`{|}~0-9A-Za-z-]+)(?=[ \t\r\n]*(?:[;(]|\Z))"
)
_MARKED = re.compile(rb";[ \t\r\n]*(?:protected-headers|hp)[ \t\r\n*=]", re.IGNORECASE)
_LOOKED_INTO = frozenset(
    {b"multipart/signed", b"multipart/encrypted", b"application/pkcs7-mime", b"application/x-pkcs7-mime"}
)
_EIGHT_BIT = frozenset({"8bit", "binary"})


def payload(
    content: bytes, hidden: HiddenRecipients, *, protect_subject: bool, head: headers.Head | None = None
) -> bytes:
    """Of the received mail, with all header fields that tell of no hidden recipient.

    `head` is its header block, where that has been cut already.
    """
    head = head or headers.split(content)
    structural = [one for one in head.fields if is_structural(one)]
    copied = [one for one in hidden.visible(head.fields) if not (is_structural(one) or one.name in OUTSIDE_ALONE)]
    fields = [
        *(one.line for one in copied),
        *(b"HP-Outer: " + line for line in outside(copied, protect_subject=protect_subject)),
        b"\r\n",
    ]
    body = memoryview(content)[head.body_start :]
    typed = _typed(structural)
    return b"".join([*typed, *fields, body] if typed else _wrapped(structural, fields, body))


def is_structural(field: Field) -> bool:
    """Whether it says how the body is built (RFC 9788 section 1.1.1)."""
    return field.name.startswith("content-")


def _typed(structural: Sequence[Field]) -> list[bytes]:
    """The Content fields with the mark, text/plain where there is no type; nothing where it would not be safe."""
    types = [one for one in structural if one.name == "content-type"]
    if not types:
        return [b"Content-Type: text/plain%b\r\n" % _MARK, *(one.line for one in structural)]
    marked = _marked(types[0]) if len(types) == 1 else b""
    return [marked if one is types[0] else one.line for one in structural] if marked else []


def _marked(field: Field) -> bytes:
    raw = field.raw.rstrip(b"\r\n")
    kind = content_type.parse(field)
    for old in reversed([one for one in kind.parameters if one.name.partition("*")[0] in _OURS] if kind else []):
        raw = raw[: old.start] + raw[old.end :]
    found = _TYPE.match(raw)
    if not found or found[1].lower() in _LOOKED_INTO or (kind is None and _MARKED.search(raw)):
        return b""
    return raw[: found.end()] + _MARK + raw[found.end() :] + b"\r\n"


def _wrapped(structural: Sequence[Field], fields: Sequence[bytes], body: memoryview) -> list[bytes | memoryview]:
    boundary = b"=_pgp-relay_%b" % secrets.token_hex(16).encode()
    eight_bit = any(one.name == "content-transfer-encoding" and one.value.lower() in _EIGHT_BIT for one in structural)
    return [
        b'Content-Type: multipart/mixed%b;\r\n\tboundary="%b"\r\n' % (_MARK, boundary),
        b"Content-Transfer-Encoding: 8bit\r\n" if eight_bit else b"",  # RFC 2045 section 6.4
        *fields,
        b"--%b\r\n" % boundary,
        *(one.raw for one in structural[:-1]),
        structural[-1].line,
        b"\r\n",
        body,
        b"\r\n--%b--\r\n" % boundary,
    ]
