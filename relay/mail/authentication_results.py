"""Which `Authentication-Results` fields (RFC 8601) of an incoming mail count, and which header fields are forged.

Our own MX writes its results above its own `Received` field, which is the topmost one: a field there with our
identifier counts. Anywhere else a field with our identifier is forged, and so is every field that has the name of our
mark. In doubt a field has our identifier: as it stands and without comments, in quotes, encoded words, full-width
letters, as U-labels, with a dot at the end. A field that cannot be read has it where it occurs anywhere. Nothing is
raised; the cost is linear.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from relay.mail import headers
from relay.mail.encoded_words import MAX_TEXT
from relay.mail.headers import Field, Head
from relay.model import normalise_domain
from relay.model.mark import FIELD

NAME = "authentication-results"

_MARK = FIELD.lower()
_PIECE = re.compile(r'\\.|[()";]|[^\\()";]+|\\', re.DOTALL)
_NOT_OF_A_NAME = re.compile(r"[^\w.\u3002\uff0e\uff61-]+")  # full stops of other scripts too (UTS 46)
_UNSEEN = frozenset({"Cf", "Cc", "Mn", "Me"})


def ours(head: Head, authserv_id: str) -> tuple[Field, ...]:
    """Those that count: our MX wrote them. Without a `Received` field there are none."""
    return tuple(one for one in _above_received(head) if one.name == NAME and claims(one, authserv_id))


def genuine(head: Head, authserv_id: str) -> tuple[Field, ...]:
    """The fields that stay: all but forged ones."""
    counted = set(map(id, ours(head, authserv_id)))
    return tuple(one for one in head.fields if id(one) in counted or not _forged(one, authserv_id))


def claims(field: Field, authserv_id: str) -> bool:
    """Whether a field of that name says, in any reading, that the server of this identifier wrote it."""
    wanted = _name(authserv_id)
    if len(field.raw) > MAX_TEXT:  # more than is decoded
        return True
    names = (name for text in dict.fromkeys(_identifiers(field)) for name in _names(text))
    return any(_name(name) == wanted for name in names if len(name) <= len(wanted) + 1)  # an A-label is the longer form


def _forged(field: Field, authserv_id: str) -> bool:
    return field.name == _MARK or (field.name == NAME and claims(field, authserv_id))


def _above_received(head: Head) -> tuple[Field, ...]:
    at = next((index for index, one in enumerate(head.fields) if one.name == "received"), 0)
    return head.fields[:at]


def _identifiers(field: Field) -> Iterator[str]:
    """Where the identifier stands: what is before the first `;`, with comments and without."""
    for value in dict.fromkeys((field.value, headers.decoded(field))):
        yield value.partition(";")[0]
        yield _without_comments(value)


def _without_comments(value: str) -> str:
    """What stands before the first `;` outside of comments and quotes; all of it where one of these has no end."""
    kept: list[str] = []
    depth, quoted = 0, False
    for piece in _PIECE.findall(value):
        if piece == '"' and not depth:
            quoted = not quoted
        elif piece == "(" and not quoted:
            depth += 1
        elif piece == ")" and not quoted and depth:
            depth -= 1
        elif piece == ";" and not quoted and not depth:
            return "".join(kept)
        elif not depth:
            kept.append(piece[1:] if piece[0] == "\\" and len(piece) > 1 else piece)
    return value if depth or quoted else "".join(kept)


def _names(text: str) -> Iterator[str]:
    """Every host name in it, as it stands and as people see it, with and without white space inside."""
    seen = text
    if not text.isascii() or not text.isprintable():
        seen = unicodedata.normalize("NFKC", text)
        seen = "".join(char for char in seen if unicodedata.category(char) not in _UNSEEN or char.isspace())
    for reading in dict.fromkeys((text, seen, "".join(seen.split()))):
        yield from _NOT_OF_A_NAME.split(reading)


def _name(text: str) -> str:
    return normalise_domain(text.strip(".")).casefold()
