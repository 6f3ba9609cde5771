"""Iterates over the entities of a mail, up to a fixed number, without recursion. Raises nothing."""

from __future__ import annotations

from collections.abc import Iterator

from relay.mail import content_type, mime
from relay.mail.content_type import ContentType
from relay.mail.mime import Part

MAX_DEPTH = 20
MAX_ENTITIES = 1_000


def entities(content: bytes, whole: Part) -> Iterator[tuple[Part, ContentType | None]]:
    """`whole` and all entities in it, in their order. A mail inside it (message/rfc822) is one entity."""
    waiting, seen = [(whole, 0)], 0
    while waiting and seen < MAX_ENTITIES:
        part, depth = waiting.pop()
        kind = content_type.of(part.head)
        seen += 1
        yield part, kind
        if kind and kind.multipart and depth < MAX_DEPTH:
            found = mime.parts(content, part, kind.get("boundary"))
            waiting.extend((child, depth + 1) for child in reversed(found.parts if found else ()))
