"""The parts of a mail as Python's parser has them, with their types."""

from __future__ import annotations

from email.message import Message


def parts(mail: Message) -> list[Message]:
    """Of a multipart."""
    found = mail.get_payload()
    assert isinstance(found, list)
    return [part for part in found if isinstance(part, Message)]


def octets(part: Message) -> bytes:
    """What a leaf holds, decoded."""
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content
