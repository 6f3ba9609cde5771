"""Arguments of MAIL, RCPT and XFORWARD."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model import Reply
from relay.smtp.esmtp import Mail, Refusal, read_mail, read_recipient, read_xforward

LIMIT = 1000


def mail(argument: str) -> Mail:
    return read_mail(argument, limit=LIMIT)


def refused(call: object, *args: object, **options: object) -> Reply:
    with pytest.raises(Refusal) as caught:
        call(*args, **options)  # type: ignore[operator]  # any parser
    return caught.value.reply


@pytest.mark.parametrize(
    "text",
    [
        "a@b.example",
        "A.B+tag@B.Example",
        '"quoted part"@b.example',
        r'"a\"b\\c"@b.example',
        '"a@b"@c.example',
        "postmaster",
        "@relay.example,@other.example:bob@b.example",
        "bob@[192.0.2.1]",
        "bob@[IPv6:2001:db8::1]",
        "$(touch)@b.example",
        "a'b`c|d@b.example",
        "bob@xn--bcher-kva.example",
        "l" * 64 + "@" + "d" * 255,
    ],
)
def test_an_address_is_kept_to_the_letter(text: str) -> None:
    sender = mail(f"FROM:<{text}>").sender
    assert sender is not None
    assert sender.text == text
    assert read_recipient(f"TO:<{text}>", smtputf8=False).address.text == text


def test_the_null_sender_is_none() -> None:
    assert mail("FROM:<>").sender is None
    assert mail("from: <> RET=HDRS").options == ("RET=HDRS",)


@pytest.mark.parametrize(
    "argument",
    [
        "",
        "FROM",
        "FROM:",
        "FROM:a@b.example",
        "FROM:<a@b.example",
        "FROM:a@b.example>",
        "FROM:<a@b.example>SIZE=1",
        "FROM:<a b@c.example>",
        "FROM:<$(touch x)@y.example>",
        'FROM:<"a@b.example>',
        "FROM:<@>",
        "FROM:<a@>",
        "FROM:<a\x00b@c.example>",
        "FROM:<a\tb@c.example>",
        "FROM:<<a@b.example>>",
        "FROM:<" + "a" * 311 + "@b.example>",
        "TO:<a@b.example>",
    ],
)
def test_a_malformed_sender_is_501_5_1_7(argument: str) -> None:
    assert str(refused(mail, argument)).startswith("501 5.1.7 ")


@pytest.mark.parametrize("argument", ["TO:<>", "TO:<@b>", "TO:<a b@c>", "FROM:<a@b>", "TO:a@b", "TO:<a@b>x", ""])
def test_a_malformed_recipient_is_501_5_1_3(argument: str) -> None:
    assert str(refused(read_recipient, argument, smtputf8=False)).startswith("501 5.1.3 ")


def test_beyond_ascii_only_with_smtputf8() -> None:
    assert str(refused(mail, "FROM:<jörg@b.example>")).startswith("553 5.6.7 ")
    assert str(refused(read_recipient, "TO:<a@bücher.example>", smtputf8=False)).startswith("553 5.6.7 ")
    taken = mail("FROM:<jörg@bücher.example> SMTPUTF8")
    assert taken.sender is not None
    assert taken.sender.text == "jörg@bücher.example"
    assert taken.smtputf8
    assert taken.options == ("SMTPUTF8",)
    assert read_recipient("TO:<jörg@x.example>", smtputf8=True).address.text == "jörg@x.example"


def test_octets_that_are_no_utf8_are_malformed_with_smtputf8() -> None:
    latin = b"FROM:<j\xf6rg@b.example> SMTPUTF8".decode("utf-8", "surrogateescape")
    assert str(refused(mail, latin)).startswith("501 5.1.7 ")


def test_parameters_keep_case_and_order_and_size_is_left_out() -> None:
    taken = mail("FROM:<a@b.example> RET=hdrs SIZE=999 envid=QQ314+2BxYz BODY=8bitMIME")
    assert taken.options == ("RET=hdrs", "envid=QQ314+2BxYz", "BODY=8bitMIME")
    assert taken.size == 999


def test_a_declared_size_over_the_limit_is_552_5_3_4() -> None:
    assert str(refused(mail, "FROM:<a@b.example> SIZE=1001")).startswith("552 5.3.4 ")
    assert mail("FROM:<a@b.example> SIZE=1000").size == 1000


@pytest.mark.parametrize(
    "parameter",
    [
        "SIZE=",
        "SIZE",
        "SIZE=-1",
        "SIZE=1e3",
        "SIZE=٣",
        "SIZE=" + "1" * 21,
        "BODY=BINARYMIME",
        "BODY",
        "RET=BOTH",
        "RET",
        "ENVID=",
        "ENVID=a+b",
        "ENVID=a+2b",
        "ENVID=a=b",
        "ENVID=" + "x" * 101,
        "SMTPUTF8=yes",
        "RET=FULL RET=FULL",
        "=x",
        "-A=b",
    ],
)
def test_a_wrong_parameter_of_mail_is_501_5_5_4(parameter: str) -> None:
    assert str(refused(mail, f"FROM:<a@b.example> {parameter}")).startswith("501 5.5.4 ")


@pytest.mark.parametrize("parameter", ["AUTH=<>", "BY=120;R", "X", "NOTIFY=NEVER"])
def test_a_parameter_we_do_not_announce_is_555_5_5_4(parameter: str) -> None:
    assert str(refused(mail, f"FROM:<a@b.example> {parameter}")).startswith("555 5.5.4 ")


@pytest.mark.parametrize(
    "option",
    [
        "NOTIFY=NEVER",
        "notify=never",
        "NOTIFY=SUCCESS,FAILURE,DELAY",
        "NOTIFY=failure,Success",
        "ORCPT=rfc822;Bob@Example.ORG",
        "orcpt=RFC822;bob+2Btag+40example@x",
        "ORCPT=utf-8;j\\x{F6}rg@x.example",
        "ORCPT=x-local;a+20b",
    ],
)
def test_a_parameter_of_rcpt_is_kept_to_the_letter(option: str) -> None:
    assert read_recipient(f"TO:<a@b.example> {option}", smtputf8=False).options == (option,)


@pytest.mark.parametrize(
    "option",
    [
        "NOTIFY=",
        "NOTIFY",
        "NOTIFY=NEVER,DELAY",
        "NOTIFY=DELAY,DELAY",
        "NOTIFY=ALWAYS",
        "NOTIFY=DELAY,",
        "ORCPT=bob@x",
        "ORCPT=rfc822;",
        "ORCPT=rfc822;bob+tag@x",
        "ORCPT=;bob@x",
        "ORCPT=rfc822;" + "x" * 500,
        "ORCPT=utf-8;jörg@x",
        "NOTIFY=NEVER NOTIFY=NEVER",
    ],
)
def test_a_wrong_parameter_of_rcpt_is_501_5_5_4(option: str) -> None:
    assert str(refused(read_recipient, f"TO:<a@b.example> {option}", smtputf8=False)).startswith("501 5.5.4 ")


def test_orcpt_in_utf8_goes_with_smtputf8() -> None:
    option = "ORCPT=utf-8;jörg@x.example"
    assert read_recipient(f"TO:<a@b.example> {option}", smtputf8=True).options == (option,)


def test_notify_never_is_seen_in_any_case() -> None:
    assert read_recipient("TO:<a@b.example> Notify=Never", smtputf8=False).notify_never


def test_xforward_stays_in_xtext() -> None:
    given = "NAME=client.example ADDR=IPv6:2001:db8::1 port=[UNAVAILABLE] HELO=a+20b IDENT=4F3 SOURCE=REMOTE"
    assert read_xforward(given) == (
        ("NAME", "client.example"),
        ("ADDR", "IPv6:2001:db8::1"),
        ("port", "[UNAVAILABLE]"),
        ("HELO", "a+20b"),
        ("IDENT", "4F3"),
        ("SOURCE", "REMOTE"),
    )


@pytest.mark.parametrize("argument", ["", "NAME", "NAME=", "LOGIN=x", "NAME=a+b", "NAME=" + "x" * 256, "NAME=é", "=x"])
def test_wrong_xforward_is_501_5_5_4(argument: str) -> None:
    assert str(refused(read_xforward, argument)).startswith("501 5.5.4 ")


@given(st.text(max_size=400))
def test_nothing_but_a_refusal_is_raised(text: str) -> None:
    for call in (
        lambda: mail(f"FROM:<{text}> SMTPUTF8"),
        lambda: mail(text),
        lambda: read_recipient(f"TO:<a@b> {text}", smtputf8=True),
        lambda: read_recipient(f"TO:<{text}>", smtputf8=True),
        lambda: read_xforward(text),
    ):
        try:
            call()
        except Refusal as refusal:
            assert refusal.reply.permanent  # noqa: PT017  what is taken is as good as what is refused
