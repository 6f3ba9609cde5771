"""What gets encrypted: where the mark stands, what is wrapped, and that the received entity is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from email import message_from_bytes, policy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lab import payloads
from lab.corpus import case, needs_cases

from relay.mail import content_type, headers, mime
from relay.mail.hidden_recipients import NOBODY
from relay.mail.payload import payload

MARK = b'; protected-headers="v1"; hp="cipher"'
BODY = b"--b\r\n\r\nhi\r\n--b--"


def made(fields: bytes, body: bytes = BODY) -> bytes:
    return payload(b"Subject: s\r\n" + fields + b"\r\n" + body, NOBODY, protect_subject=True)


@pytest.mark.parametrize(
    ("received", "inside"),
    [
        (b"text/plain", b"text/plain%b"),
        (b"text/html; charset=x;", b"text/html%b; charset=x;"),
        (b"TEXT/Plain ; format=flowed ", b"TEXT/Plain%b ; format=flowed "),
        (b'\r\n multipart/mixed;\r\n\tboundary="a;b\\"c"', b'\r\n multipart/mixed%b;\r\n\tboundary="a;b\\"c"'),
        (b"text/plain (comment); a=b (c)", b"text/plain%b (comment); a=b (c)"),
        (b"text/plain; name=\xe9.txt", b"text/plain%b; name=\xe9.txt"),
        (b'text/plain; hp="clear"; protected-headers=v1;\r\n charset=x', b"text/plain%b;\r\n charset=x"),
        (b"text/plain; hp*=utf-8''clear", b"text/plain%b"),
        (b'text/plain; name="; hp=x"', b'text/plain%b; name="; hp=x"'),
        (b"multipart/mixed; boundary=next part 1", b"multipart/mixed%b; boundary=next part 1"),
        (b'multipart/mixed;; boundary="b"', b'multipart/mixed%b;; boundary="b"'),
        (b"text/html; charset=x; charset=x", b"text/html%b; charset=x; charset=x"),
        (b'text/plain; charset="utf-8', b'text/plain%b; charset="utf-8'),
        (b"text/plain; just words", b"text/plain%b; just words"),
    ],
)
def test_the_mark_stands_right_behind_the_type(received: bytes, inside: bytes) -> None:
    """Behind all parameters it was lost where one of them could not be read: the reader saw `[...]` for ever."""
    assert made(b"Content-Type: %b\r\n" % received).startswith(b"Content-Type: %b\r\nSubject" % (inside % MARK))


@pytest.mark.parametrize(
    "received",
    [
        b"Content-Type: text\r\n",
        b"Content-Type:\r\n",
        b"Content-Type: text/\r\n",
        b"Content-Type: text / html\r\n",
        b"Content-Type: (comment) text/plain\r\n",
        b"Content-Type: text/plain charset=utf-8\r\n",
        b"Content-Type: text/plain/x\r\n",
        b"Content-Type: text/plain\r\nContent-Type: text/html\r\n",
        b"Content-Type: text/plain; just words; hp=clear\r\n",
        b'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=b\r\n',
        b'Content-Type: Multipart/Signed; protocol="application/pgp-signature"; protected; boundary=b\r\n',
        b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b\r\n',
        b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\nContent-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: 8bit\r\nContent-Type: text\r\nContent-Language: fr\r\n",
    ],
)
def test_what_cannot_be_marked_is_wrapped_octet_for_octet(received: bytes) -> None:
    """The reader saw `[...]` for ever; of a mail that its client signed, in Thunderbird and notmuch."""
    inside = made(received)
    assert payloads.is_wrapped(inside)
    assert payloads.entity(inside) == received + b"\r\n" + BODY
    head = headers.split(inside)
    kind = content_type.of(head)
    assert kind is not None
    assert kind.kind == "multipart/mixed"
    assert (kind.get("protected-headers"), kind.get("hp")) == (b"v1", b"cipher")
    found = mime.parts(inside, mime.root(inside), kind.get("boundary"))
    assert found is not None
    assert len(found.parts) == 1
    assert (mime.encoding(head) == "8bit") is (b"8bit" in received)
    assert [one.raw for one in headers.all(head, "subject")] == [b"Subject: s\r\n"]


def test_a_signed_mail_is_signed_still() -> None:
    signed = (
        b'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary="x"\r\nMIME-Version: 1.0\r\n'
    )
    body = b"preamble\r\n--x\r\nContent-Type: text/plain \r\n\r\nbody \r\n--x\r\n\r\nsigned\r\n--x--\r\nepilogue\r\n"
    (inner,) = message_from_bytes(made(signed, body), policy=policy.default).iter_parts()
    assert inner.get_content_type() == "multipart/signed"
    assert inner["Subject"] is None
    assert payloads.body(made(signed, body)) == body


def test_a_mail_of_one_part_is_not_wrapped() -> None:
    assert not payloads.is_wrapped(made(b"Content-Type: text/plain\r\n"))
    assert not payloads.is_wrapped(made(b""))


TOKENS = (
    b'text/plain|text|/|;|; |\r\n |charset=utf-8|charset = "x"|name=a b|name="a|"|(|)|\\|hp=clear|protected-headers=v1'
    b"|multipart/signed|boundary=b|=|,|\xe9|application/pkcs7-mime"
).split(b"|")


@given(st.lists(st.sampled_from(TOKENS), max_size=8).map(b"".join), st.booleans())
@example(b"text/plain", True)  # noqa: FBT003  hypothesis wants it by position
def test_whatever_the_type_is_the_mark_is_read_once_and_the_entity_is_there(value: bytes, twice: bool) -> None:
    fields = b"Content-Type: " + value + b"\r\n"
    fields += fields if twice else b""
    inside = made(fields)
    received = headers.split(b"Subject: s\r\n" + fields + b"\r\n" + BODY)
    first = headers.split(inside).fields[0]
    assert MARK in first.raw
    assert payloads.body(inside) == (b"Subject: s\r\n" + fields + b"\r\n" + BODY)[received.body_start :]
    if payloads.is_wrapped(inside):
        assert payloads.entity(inside).startswith(b"".join(f.raw for f in received.fields if f.name == "content-type"))
    elif kind := content_type.parse(first):
        assert [one.name for one in kind.parameters if one.name.startswith(("hp", "protected-headers"))] == [
            "protected-headers",
            "hp",
        ]


@needs_cases
def test_each_form_that_a_strict_parser_refuses_carries_the_mark(
    record_property: Callable[[str, object], None],
) -> None:
    became: Counter[str] = Counter()
    for name in ("boundary-space", "double-semicolon", "dup-charset", "merged-cte", "parameter-without-value",
                 "text-only", "unterminated"):  # fmt: skip
        content = case(f"ct-{name}.eml").replace(b"\n", b"\r\n")
        inside = payload(content, NOBODY, protect_subject=True)
        assert MARK in headers.split(inside).fields[0].raw
        assert payloads.body(inside) == content[headers.split(content).body_start :]
        became["wrapped" if payloads.is_wrapped(inside) else "marked"] += 1
    record_property("counted", str(dict(became)))
    assert became == {"marked": 5, "wrapped": 2}
