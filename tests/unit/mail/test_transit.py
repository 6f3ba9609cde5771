"""What is signed in clear arrives as it was signed, and reads as it was written."""

from __future__ import annotations

import email
import email.policy
import random
from email.message import Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab.mime import octets

from relay.mail import headers, transit_safe

MULTIPART = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'


def settled(content: bytes) -> bytes | None:
    return transit_safe.settled(content, headers.split(content))


def leaves(entity: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded content of each leaf, as Python's own parser reads them."""
    return [
        (part.get_content_type(), octets(part))
        for part in email.message_from_bytes(entity, policy=email.policy.compat32).walk()
        if isinstance(part, Message) and not part.is_multipart()
    ]


def test_what_no_host_changes_stays_byte_for_byte() -> None:
    body = b"Content-Type: text/plain; charset=us-ascii\r\nContent-Language: fr\r\n\r\nBonjour,\r\n\r\nMartin\r\n"
    assert settled(b"From: a@b.c\r\nSubject: x\r\n" + body) == body


@pytest.mark.parametrize(
    "line",
    [b"d\xc3\xa9j\xc3\xa0 vu", b"trailing blank ", b"trailing tab\t", b"From here on", b"x" * 999, b"=3D ", b"end "],
)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_line_that_would_be_changed_is_encoded_and_reads_the_same(line: bytes, place: str) -> None:
    lines = {"first": [line, b"b", b"c"], "middle": [b"a", line, b"c"], "last": [b"a", b"b", line]}[place]
    text = b"\r\n".join(lines)
    entity = settled(b"From: a@b.c\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text)
    assert entity is not None
    assert transit_safe.safe(entity, 0, len(entity))
    assert leaves(entity) == [("text/plain", text)]


def test_a_type_is_not_needed() -> None:
    entity = settled(b"From: a@b.c\r\n\r\n\xe9\r\n")
    assert entity == b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=E9\r\n"


def test_a_label_for_which_hosts_recode_goes_also_where_the_octets_are_ascii() -> None:
    labelled = b"Content-Transfer-Encoding: 8bit\r\n"
    parts = b"--b\r\n" + labelled + b"\r\nplain\r\n--b\r\nContent-Transfer-Encoding: Binary\r\n\r\nb\r\n--b--\r\n"
    entity = settled(b"From: a@b.c\r\n" + labelled + MULTIPART + parts)
    assert entity == MULTIPART + b"--b\r\n\r\nplain\r\n--b\r\n\r\nb\r\n--b--\r\n"


def test_of_several_parts_only_those_change_that_have_to() -> None:
    content = (
        b"From: a@b.c\r\n"
        + MULTIPART
        + b"preamble\r\n--b\r\nContent-Type: text/plain; \r\n charset=utf-8\r\n\r\n\xc3\xa9\r\n"
        b"--b  \r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
        b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\x80\xff\r\n"
        b"--b--\r\nepilogue"
    )
    entity = settled(content)
    assert entity == MULTIPART + (
        b"preamble\r\n--b\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n"
        b"--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
        b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\ngP8=\r\n\r\n"
        b"--b--\r\nepilogue"
    )


def test_a_forwarded_message_is_encoded_inside() -> None:
    inner = b"From: x@y.z\r\nSubject: y\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xa9t\xc3\xa9\r\n"
    content = b"From: a@b.c\r\n" + MULTIPART + b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"--b--\r\n"
    entity = settled(content)
    assert entity is not None
    assert transit_safe.safe(entity, 0, len(entity))
    assert leaves(entity) == [("text/plain", b"\xc3\xa9t\xc3\xa9")]
    assert b"Subject: y\r\n" in entity


@pytest.mark.parametrize(
    "content",
    [
        b"From: a@b.c\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx\r\n",
        b"From: a@b.c\r\nContent-Type: text/plain; name=\xe9\r\n\r\n\xe9\r\n",
        b"From: a@b.c\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nend \r\n",
        b"From: a@b.c\r\nContent-Transfer-Encoding: base64\r\n\r\n***** \r\n",
        b"From: a@b.c\r\n" + MULTIPART + b"--b\r\n\r\n\xe9 never closed\r\n",
        b"From: a@b.c\r\n"
        + MULTIPART
        + b"--b\r\nContent-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n\r\n\xe9\r\n--c--\r\n--b--\r\n",
        b"From: a@b.c\r\n"
        + MULTIPART
        + b"--b\r\nContent-Type: message/delivery-status\r\n\r\nX: \xe9\r\n\r\n--b--\r\n",
        b"From: a@b.c\r\n" + MULTIPART + b"--b\r\n\r\n\xe9\r\n--b and more\r\n\r\nx\r\n--b--\r\n",
        b"From: a@b.c\r\n" + MULTIPART + b"--b\r\n--b\r\n\r\n\xe9\r\n--b--\r\n",
        b"From: a@b.c\r\n" + MULTIPART + b"--b\r\nno header\r\n--b\r\n\r\n\xe9\r\n--b--\r\n",
        b'From: a@b.c\r\nContent-Type: multipart/mixed; boundary="b "\r\n\r\n--b \r\n\r\n\xe9\r\n--b --\r\n',
        b"From: a@b.c",
    ],
)
def test_what_cannot_be_made_safe_without_guessing_is_none(content: bytes) -> None:
    assert settled(content) is None


def test_parts_below_parts_below_parts_are_given_up_and_not_recursed_into_for_ever() -> None:
    content = b"From: a@b.c\r\n"
    for depth in range(200):
        content += b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (depth, depth)
    content += b"\r\n\xe9\r\n" + b"".join(b"--%d--\r\n" % depth for depth in reversed(range(200)))
    assert settled(content) is None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"From ", b" ", b"\t", b"\r\n", b"=", b"\xe9", b"x" * 70, b".", b"a", b"-"])))
def test_any_text_is_safe_afterwards_and_reads_the_same(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    entity = settled(b"From: a@b.c\r\n\r\n" + text)
    assert entity is not None
    assert transit_safe.safe(entity, 0, len(entity))
    assert leaves(entity) == [("text/plain", text)]


def test_a_long_line_is_found_wherever_it_stands() -> None:
    chance = random.Random(7)  # noqa: S311  a fixed seed
    for _ in range(300):
        lines = [b"x" * chance.choice([0, 5, 997, 998]) for _ in range(chance.randrange(9))]
        at = chance.randrange(len(lines) + 1)
        short, long = b"\r\n".join(lines), b"\r\n".join([*lines[:at], b"x" * 999, *lines[at:]])
        assert transit_safe.safe(short, 0, len(short))
        assert not transit_safe.safe(long, 0, len(long))
