"""Checks that headers contain nothing but what describes a part: of MIME parts around ciphertext, and of armor.

A field that people read (a description, a file name, a comment in either) passes only where it is one that programs
write (`relay.mail.boilerplate`). Anything else may carry text: its mail is encrypted like any other, which is the safe
side. Identifiers are not judged here but given out (`identifiers`): those of a mail are judged together. Raises
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

from relay.mail import content_type, encoded_words, headers
from relay.mail.boilerplate import names_nothing, says_nothing
from relay.mail.headers import Field
from relay.mail.mime import Part
from relay.mail.randomness import are_random_digits

MAX_PART_HEAD = 2_000
MOST_REMEMBERED = 256
"""Fields, each within `MAX_PART_HEAD`, of which it is remembered whether they say nothing."""

_NAMES = frozenset({"name", "filename"})
_PARAMETERS = {
    "charset": re.compile(rb"(?i:utf-?8|us-ascii|iso-8859-[0-9]{1,2}|windows-125[0-9])"),
    "format": re.compile(rb"(?i:flowed|fixed)"),
    "delsp": re.compile(rb"(?i:yes|no)"),
    "reply-type": re.compile(rb"(?i:original|response|reply)"),
    "smime-type": re.compile(rb"(?i:enveloped-data|authenveloped-data|signed-data)"),
    "protocol": re.compile(rb"(?i:application/pgp-encrypted)"),
    "type": re.compile(rb"(?i:multipart/(?:mixed|alternative|related|encrypted)|text/(?:plain|html))"),
    "boundary": re.compile(rb"[ -~]{1,70}"),
    "start": re.compile(rb"[!-~]{1,102}"),
    "protected-headers": re.compile(rb"(?i:v1)"),
    "hp": re.compile(rb"(?i:cipher|clear)"),
    "size": re.compile(rb"[0-9]{1,12}"),
    "x-unix-mode": re.compile(rb"0?[0-7]{3}"),
    **dict.fromkeys(
        ("creation-date", "modification-date", "read-date"),
        re.compile(rb"(?:[A-Z][a-z]{2}, )?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{5,8} (?:[+-][0-9]{4}|GMT|UT)"),
    ),
}
_FIELDS = {
    "mime-version": re.compile(r"1\.0"),
    "content-transfer-encoding": re.compile(r"7bit|8bit|binary|base64|quoted-printable", re.IGNORECASE),
    "content-id": re.compile(r"<[!-~]{1,200}>"),
    "x-attachment-id": re.compile(r"[!-~]{1,100}"),
    "content-language": re.compile(r"[a-z]{2,3}(?:-[A-Z]{2})?", re.IGNORECASE),
    "content-length": re.compile(r"[0-9]{1,12}"),
}
"""What these fields may say."""
_DESCRIBING = frozenset({"content-type", "content-disposition", "content-description", *_FIELDS})
_IDENTIFYING = frozenset({"content-id", "x-attachment-id"})
_COMMENT = b"("
_MESSAGE_ID = re.compile(rb"[A-Za-z0-9+/]{32}")


def is_bare(part: Part) -> bool:
    """Whether the part's header says nothing but what it is."""
    return part.head.separator != b"" and _say_nothing(part.head.fields)


def is_bare_message(head: headers.Head) -> bool:
    """Whether those fields of a message's own header that describe its body say nothing else; it has others too."""
    return _say_nothing(field for field in head.fields if field.name in _DESCRIBING and field.name != "mime-version")


def is_bare_armor(line: bytes) -> bool:
    """Whether an armor header line is one that OpenPGP software writes by itself."""
    key, _, value = line.partition(b":")
    text = value.strip()
    match key.strip().lower():
        case b"version" | b"comment":
            return says_nothing(text.decode("utf-8", "replace"))
        case b"charset":
            return _PARAMETERS["charset"].fullmatch(text) is not None
        case b"messageid":
            return _MESSAGE_ID.fullmatch(text) is not None and are_random_digits(text)
    return False


def identifiers(head: headers.Head) -> Iterator[str]:
    """The boundary, the Content-ID and their like in the header of a part or message."""
    for field in head.fields:
        if field.name in _IDENTIFYING:
            yield field.value
        elif field.name == "content-type" and (kind := content_type.parse(field)):
            yield from (kind.get(name).decode("ascii", "replace") for name in ("boundary", "start"))


def _say_nothing(fields: Iterator[Field] | tuple[Field, ...]) -> bool:
    said = tuple(fields)
    return sum(len(field.raw) for field in said) <= MAX_PART_HEAD and all(map(_says_nothing, said))


@lru_cache(MOST_REMEMBERED)
def _says_nothing(field: Field) -> bool:
    """Remembered: the fields around what the relay encrypts, and what other programs do, are few."""
    match field.name:
        case "content-type":
            kind = content_type.parse(field)
            return kind is not None and _COMMENT not in field.raw and all(map(_is_known, kind.parameters))
        case "content-disposition":
            parameters = content_type.disposition(field)
            return parameters is not None and _COMMENT not in field.raw and all(map(_is_known, parameters))
        case "content-description":
            return says_nothing(headers.decoded(field))
        case name:
            known = _FIELDS.get(name)
            return known is not None and known.fullmatch(field.value) is not None


def _is_known(parameter: content_type.Parameter) -> bool:
    name = parameter.name.rstrip("*")
    if name in _NAMES:
        return names_nothing(_name(parameter))
    known = _PARAMETERS.get(name)
    return known is not None and known.fullmatch(parameter.value) is not None


def _name(parameter: content_type.Parameter) -> str:
    """A file name without its encoding, by RFC 2231 or RFC 2047."""
    text = parameter.value.decode("utf-8", "replace")
    return unquote(text.rpartition("'")[2]) if parameter.name.endswith("*") else encoded_words.decode(text)
