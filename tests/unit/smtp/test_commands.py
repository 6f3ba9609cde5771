"""What is said to a next hop, by what it announces."""

from __future__ import annotations

import pytest

from relay.model import Address, Envelope, Recipient
from relay.smtp import commands

ALL = {"dsn": "", "8bitmime": "", "smtputf8": "", "size": "1000", "xforward": "NAME ADDR PORT PROTO HELO IDENT SOURCE"}
OPTIONS = ("RET=hdrs", "ENVID=aBc+2B", "BODY=8BITMIME")


def envelope(sender: str = "A@B.example", options: tuple[str, ...] = OPTIONS) -> Envelope:
    recipient = Recipient(Address("Bob@X.example"), ("NOTIFY=never", "ORCPT=rfc822;BoB@x"))
    return Envelope(Address(sender) if sender else None, (recipient,), options)


def test_everything_goes_on_as_it_came() -> None:
    assert commands.mail(envelope(), 7, ALL) == "MAIL FROM:<A@B.example> RET=hdrs ENVID=aBc+2B BODY=8BITMIME SIZE=7"
    assert commands.rcpt(envelope().recipients[0], ALL) == "RCPT TO:<Bob@X.example> NOTIFY=never ORCPT=rfc822;BoB@x"


def test_the_null_sender_is_written_as_such() -> None:
    assert commands.mail(envelope("", ()), 7, {}) == "MAIL FROM:<>"


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        ("dsn", "MAIL FROM:<A@B.example> BODY=8BITMIME SIZE=7"),
        ("8bitmime", "MAIL FROM:<A@B.example> RET=hdrs ENVID=aBc+2B SIZE=7"),
        ("size", "MAIL FROM:<A@B.example> RET=hdrs ENVID=aBc+2B BODY=8BITMIME"),
    ],
)
def test_what_is_not_announced_is_not_said(without: str, expected: str) -> None:
    extensions = {key: value for key, value in ALL.items() if key != without}
    assert commands.mail(envelope(), 7, extensions) == expected
    if without == "dsn":
        assert commands.rcpt(envelope().recipients[0], extensions) == "RCPT TO:<Bob@X.example>"


def test_smtputf8_is_said_once_where_it_is_needed() -> None:
    utf8 = envelope("jörg@b.example", ("SMTPUTF8",))
    assert commands.mail(utf8, 7, {"smtputf8": ""}) == "MAIL FROM:<jörg@b.example> SMTPUTF8"
    assert commands.mail(envelope("jörg@b.example", ()), 7, {"smtputf8": ""}).endswith(" SMTPUTF8")
    assert commands.needs_smtputf8(utf8)
    assert commands.needs_smtputf8(envelope(options=("smtputf8",)))
    assert not commands.needs_smtputf8(envelope())


def attributes(*pairs: tuple[str, str]) -> Envelope:
    return Envelope(None, (), (), pairs)


def test_xforward_says_what_is_known_there_in_one_command() -> None:
    given = attributes(("NAME", "c.example"), ("ident", "4F3"), ("SOURCE", "LOCAL"))
    assert list(commands.xforward(given, ALL)) == ["XFORWARD NAME=c.example ident=4F3 SOURCE=LOCAL"]
    assert list(commands.xforward(given, {"xforward": "name source"})) == ["XFORWARD NAME=c.example SOURCE=LOCAL"]
    assert list(commands.xforward(given, {})) == []
    assert list(commands.xforward(attributes(), ALL)) == []


def test_xforward_never_exceeds_the_length_of_a_command() -> None:
    given = attributes(("NAME", "n" * 255), ("HELO", "h" * 255), ("IDENT", "i" * 255))
    lines = list(commands.xforward(given, ALL))
    assert len(lines) == 3
    assert all(len(line) <= 510 for line in lines)
    assert lines[2] == "XFORWARD IDENT=" + "i" * 255
