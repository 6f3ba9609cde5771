"""Whether a mail was decrypted here, or carries one that was: recognised by our mark, and by message identifiers.

The mark is the field `X-PGP-Relay`, in the mail's own header, in that of a mail that it carries (attached as a message,
as a file, or as text), however it is folded, spelled, commented or encoded. It counts unless it says plainly that the
mail was not decrypted (an allow list). The identifiers are those of the mail, of the mails that it answers and of the
mails that it carries; whether one of them was decrypted is the store's to say.

A structure that cannot be read is searched as it stands. Walks without recursion, bounded in depth and number. Raises
nothing.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from itertools import islice

from relay.mail import content_type, encoded_words, headers, mime
from relay.mail.content_type import ContentType
from relay.mail.headers import Field, Head
from relay.mail.mime import Part

FIELD = "x-pgp-relay"
MAX_DEPTH = 20
MAX_ENTITIES = 1_000
MAX_IDENTIFIERS = 1_000
"""Of one mail and of all that it carries."""
MAX_IN_FIELD = 200
"""Of one field: in `References` the newest stand last."""
MAX_BEGINNING = 65_536
"""Octets at the beginning of an encoded file in which a header block is looked for."""

MAX_CONTAINER = 4_000_000
"""The same in a file of Outlook's."""
MAX_CARRIED_HEAD = 1_000_000
"""Octets of the header block of a mail that is carried; what is beyond is searched as text."""
NEAR = 300
"""Octets after the field's name in a text in which it says what it says."""

_NAME = FIELD.encode()
_WINDOW = 1 << 16
_NAMED = re.compile(_NAME + rb"(?![a-z0-9-])", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")
_SPACE = re.compile(r"\s+")
_SAID = re.compile(r"encryption=\"?([a-z]*)")
_HARMLESS = frozenset({"closed", "none"})
_IDENTIFIER = re.compile(r"<([^<>]{1,998})>")
_IDENTIFYING = ("message-id", "in-reply-to", "references")
_MESSAGES = frozenset(
    {"message/rfc822", "message/global", "message/news", "text/rfc822-headers", "message/global-headers"}
)
_CONTAINERS = frozenset({"application/ms-tnef", "application/vnd.ms-tnef", "application/vnd.ms-outlook"})
"""Outlook's: a mail in one has its header block somewhere within, perhaps in UTF-16."""
_TEXTS = ("text/", "message/")


@dataclass(frozen=True, slots=True)
class Traces:
    """What was found in one mail."""

    marked: bool = False
    """It bears the mark of a mail that was decrypted, or carries one that does."""
    message_ids: tuple[str, ...] = ()
    """Of it, of what it answers and of what it carries; without angle brackets and white space."""


NO_TRACES = Traces()


def traces(content: bytes, head: Head | None = None) -> Traces:
    """Those of a whole message; `head` is its header block, where that has been cut already."""
    whole = mime.root(content, head)
    walk = _Walk()
    walk.run(content, whole)
    return Traces(walk.marked, () if _is_delivery_report(whole.head) else tuple(walk.identifiers))


def _is_delivery_report(head: Head) -> bool:
    """Whether it tells what became of a mail: the mark says whether it returns a header that was decrypted.

    One that returns the mail as it came has the same identifiers, and its sender has to learn of it.
    """
    kind = content_type.of(head)
    return (
        kind is not None and kind.kind == "multipart/report" and kind.get("report-type").lower() == b"delivery-status"
    )


def own_identifiers(head: Head) -> tuple[str, ...]:
    """The identifiers under which the store knows a mail; several where it has several Message-ID fields."""
    return tuple(dict.fromkeys(one for field in headers.all(head, "message-id") for one in _identifiers(field)))


def says_decrypted(field: Field) -> bool:
    """Whether this field `X-PGP-Relay` says, or may say, that the mail was decrypted."""
    text = headers.decoded(field)
    for _ in range(MAX_DEPTH):  # comments within comments
        text, found = _COMMENT.subn("", text)
        if not found:
            break
    plain = _SPACE.sub("", text).lower()
    said = set(_SAID.findall(plain))
    return not said or not said <= _HARMLESS or "decrypted" in plain


def _identifiers(field: Field) -> list[str]:
    value = field.value[-headers.MAX_WHOLE :]
    found = _IDENTIFIER.findall(value) or [value]
    named = [_SPACE.sub("", one) for one in found]
    return [one for one in named if one][-MAX_IN_FIELD:]


class _Walk:
    """Over the entities of a mail, those of the mails that it carries included."""

    def __init__(self) -> None:
        self.marked = False
        self.identifiers: dict[str, None] = {}
        self._waiting: list[tuple[bytes, Part, int]] = []
        self._seen = 0

    def run(self, content: bytes, whole: Part) -> None:
        self._message(content, whole, 0)
        while self._waiting and not self.marked:
            self._entity(*self._waiting.pop())

    def _message(self, content: bytes, whole: Part, depth: int) -> None:
        """A mail: the one itself, or one that it carries."""
        named = (one for name in _IDENTIFYING for field in headers.all(whole.head, name) for one in _identifiers(field))
        self.identifiers |= dict.fromkeys(islice(named, max(0, MAX_IDENTIFIERS - len(self.identifiers))))
        self._wait(content, whole, depth)

    def _wait(self, content: bytes, part: Part, depth: int) -> None:
        self._seen += 1
        self._waiting.append((content, part, depth))

    def _entity(self, content: bytes, part: Part, depth: int) -> None:
        self.marked |= any(says_decrypted(field) for field in headers.all(part.head, FIELD))
        kind = content_type.of(part.head)
        if depth >= MAX_DEPTH or self._seen >= MAX_ENTITIES:
            self._search(content, part.start, part.end)
        elif kind is not None and kind.multipart:
            self._multipart(content, part, kind, depth)
        elif kind is not None and kind.kind in _MESSAGES:
            self._carried(content, part, depth)
        else:
            self._leaf(content, part, kind)

    def _multipart(self, content: bytes, part: Part, kind: ContentType, depth: int) -> None:
        found = mime.parts(content, part, kind.get("boundary"))
        if found is None or self._seen + len(found.parts) > MAX_ENTITIES:
            self._search(content, part.start, part.end)
            return
        for around in (found.preamble, found.epilogue):
            self._search(content, around.start, around.stop)
        for one in found.parts:
            self._wait(content, one, depth + 1)

    def _carried(self, content: bytes, part: Part, depth: int) -> None:
        start, end = part.start, part.end
        if mime.encoding(part.head) not in mime.IDENTITY:  # against RFC 2046 section 5.2.1, and seen
            content = _decoded(content, part)
            start, end = 0, len(content)
        head = headers.split(content, start, min(end, start + MAX_CARRIED_HEAD))
        self._message(content, Part(head, min(head.body_start, end), end), depth + 1)

    def _leaf(self, content: bytes, part: Part, kind: ContentType | None) -> None:
        """A text or a file: a header block in it is found where it stands in lines of its own."""
        is_text = kind is None or kind.kind.startswith(_TEXTS)
        if mime.encoding(part.head) in mime.IDENTITY:
            self._search(content, part.start, part.end)
        else:
            limit = MAX_CONTAINER if kind and kind.kind in _CONTAINERS else MAX_BEGINNING
            octets = _decoded(content, part, None if is_text else limit).translate(None, b"\0")
            self._search(octets, 0, len(octets))

    def _search(self, octets: bytes, start: int, end: int) -> None:
        if not self.marked and _is_named(octets, start, end):
            found = _NAMED.finditer(octets, start, end)
            self.marked = any(_is_near(octets[one.end() : min(one.end() + NEAR, end)]) for one in found)


def _is_named(octets: bytes, start: int, end: int) -> bool:
    """Whether the field's name stands there, in any case. A large text is copied in windows at most."""
    for at in range(start, end, _WINDOW):
        until = min(at + _WINDOW + len(_NAME) - 1, end)
        if octets.find(b"-", at, until) >= 0 and _NAME in octets[at:until].lower():
            return True
    return False


def _is_near(octets: bytes) -> bool:
    """Whether the text behind the name says `decrypted`: quoted (`>`), folded or encoded."""
    text = octets.translate(None, b">|").decode("utf-8", "replace")
    return "decrypted" in _SPACE.sub("", encoded_words.decode(text)).lower()


def _decoded(content: bytes, part: Part, limit: int | None = None) -> bytes:
    """The body without its transfer encoding; leniently, or as it stands, where that cannot be undone."""
    octets = mime.octets(content, part, limit)
    if octets is not None:
        return octets
    body = content[part.start : part.end if limit is None else min(part.end, part.start + limit)]
    try:
        return binascii.a2b_base64(body) if mime.encoding(part.head) == "base64" else body
    except binascii.Error:
        return body
