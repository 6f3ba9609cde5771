"""Real and hostile mails, signed in clear: each is left alone, or reads as before and passes the checks."""

from __future__ import annotations

import email
import email.message
import email.policy
from pathlib import Path

import pytest
from lab.corpus import sent
from lab.mime import octets

from relay.mail import clear_signed, headers, transit_safe

HOSTILE = Path(__file__).resolve().parents[2] / "hostile_corpus"
SIGNATURE = b"\xc2\x0a\x04\x00\x16\x0a" + bytes(6)
OTHERWISE = {"eml_thirdparty_003.eml"}
"""Python's parser does not know a transfer encoding with blanks behind it."""


def mails() -> dict[str, bytes]:
    hostile = {file.name: file.read_bytes() for file in sorted(HOSTILE.glob("*.eml"))}
    return {**hostile, **sent()}


def leaves(entity: bytes) -> list[tuple[str, bytes]]:
    parts = email.message_from_bytes(entity, policy=email.policy.compat32).walk()
    return [(part.get_content_type(), content_of(part)) for part in parts if not part.is_multipart()]


def content_of(part: email.message.Message) -> bytes:
    return octets(part).rstrip()


@pytest.mark.parametrize(("name", "content"), [pytest.param(*mail, id=mail[0]) for mail in mails().items()])
def test_it_is_left_alone_or_reads_the_same(name: str, content: bytes) -> None:
    head = headers.split(content)
    entity = transit_safe.settled(content, head)
    if entity is None:
        return
    assert transit_safe.safe(entity, 0, len(entity))
    message = clear_signed.signed(head.fields, entity, SIGNATURE, received=b"")
    clear_signed.verify(message, entity, SIGNATURE)
    before = b"".join(one.line for one in head.fields if one.name.startswith("content-"))
    before += b"\r\n" + content[head.body_start :]
    assert entity == before or leaves(entity) == leaves(before) or Path(name).name in OTHERWISE
