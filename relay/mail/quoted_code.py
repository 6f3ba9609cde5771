"""Whether a mail quotes the code of a pick-up.

Such a mail must not leave: its recipient's mailbox may have the link too.

Its header and its texts are read, and mails attached to it, each up to a bound. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.mail import headers, mime
from relay.mail.content_type import ContentType
from relay.mail.encryption_survey import Survey
from relay.mail.mime import Part
from relay.mail.pickup_letters import CODE_FIELD
from relay.model import codes

MAX_TEXT = 512 * 1024
"""Octets of one text."""
MAX_TEXTS = 50
_TEXTS = ("text/", "message/")
_MARK = f"{CODE_FIELD}:".lower()


def quotes_code(content: bytes) -> bool:
    """Whether one stands in its subject or in one of its texts, or it is, or holds, our notice with one."""
    return any(_MARK in text.lower() or codes.quoted_in(text) for text in _texts(content))


def _texts(content: bytes) -> Iterator[str]:
    survey = Survey(content)
    for field in headers.all(survey.whole.head, "subject")[:1]:
        yield headers.decoded(field)
    if headers.first(survey.whole.head, CODE_FIELD.lower()):
        yield _MARK
    leaves = [(part, kind) for part, kind in survey.leaves if kind is None or kind.kind.startswith(_TEXTS)]
    for part, kind in leaves[:MAX_TEXTS]:
        yield _text(content, part, kind)


def _text(content: bytes, part: Part, kind: ContentType | None) -> str:
    octets = mime.octets(content, part, MAX_TEXT)
    if octets is None:  # what cannot be undone is read as it stands
        octets = content[part.start : min(part.end, part.start + MAX_TEXT)]
    wide = kind is not None and kind.get("charset").lower().startswith(b"utf-16")
    text = octets.decode("utf-16" if wide else "utf-8", "replace")
    return text.replace("=\r\n", "") if kind and kind.kind.startswith("message/") else text
