"""The addresses in user ids: which one is meant, and which ones a reader sees."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.model import Address, user_id


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Bob Babbage <bob@openpgp.example>", "bob@openpgp.example"),
        ("bob@openpgp.example", "bob@openpgp.example"),
        ("<bob@openpgp.example>", "bob@openpgp.example"),
        ("  <bob@openpgp.example>  ", "bob@openpgp.example"),
        ("Bob (work) <Bob@OpenPGP.Example>", "bob@openpgp.example"),
        ('"Babbage, Bob" <bob@openpgp.example>', "bob@openpgp.example"),
        ('"Bob <at home>" <bob@openpgp.example>', "bob@openpgp.example"),
        ("old@openpgp.example <bob@openpgp.example>", "bob@openpgp.example"),
        ("<bob@openpgp.example> (work)", "bob@openpgp.example"),
        ("<bob@openpgp.example>, <BOB@openpgp.example>", "bob@openpgp.example"),
        ('Bob <"bob b"@openpgp.example>', "bob b@openpgp.example"),
        ("Őry Máté <mate@exämple.org>", "mate@xn--exmple-cua.org"),
        ("Bob <o'brien+tag@openpgp.example>", "o'brien+tag@openpgp.example"),
        ("<*)(uid=*@openpgp.example>", "*)(uid=*@openpgp.example"),
        ("Bob", None),
        ("Bob bob@openpgp.example", None),
        ("Bob <bob>", None),
        ("Bob <>", None),
        ("<", None),
        ("", None),
        ("Bob <bob@>", None),
        ("Bob <a b@openpgp.example>", None),
        ("Bob <bob@openpgp.example", None),
        ("Bob <<bob@openpgp.example>>", None),
        ("Bob <mailto:bob@openpgp.example>", None),
        ("Two <one@openpgp.example>, <two@openpgp.example>", None),
        ("<bob@openpgp.example> <bob>@openpgp.example>", None),
        ("bob@openpgp.example (Praxis)", None),
        ("bob@openpgp.example, alice@openpgp.example", None),
    ],
)
def test_the_address_that_a_user_id_names(text: str, key: str | None) -> None:
    found = user_id.address(text)
    assert (found and found.key) == key


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("Two <one@pref.example>, <two@pref.example>", "one@pref.example two@pref.example"),
        ("Mailto <mailto:mt@pref.example>", "mt@pref.example"),
        ("<mailto:a%40x.example?subject=key>", "a@x.example"),
        ("pink <pink@openkeychain.org", "pink@openkeychain.org"),
        ("pink@openkeychain.org>", "pink@openkeychain.org"),
        ("<<a@x.example>>", "a@x.example"),
        ("a@x.example (Praxis)", "a@x.example"),
        ("Praxis a@x.example Tel. 5", "a@x.example"),
        ("a@x.example, b@x.example; c@x.example", "a@x.example b@x.example c@x.example"),
        ("a@x.example/b@y.example", "a@x.example b@y.example"),
        ("mail=a@x.example|b@y.example", "a@x.example b@y.example"),
        ("E-Mail:a@x.example", "a@x.example"),
        ("'a@x.example'", "a@x.example"),
        ("*a@x.example*", "a@x.example"),
        ("\u2039a@x.example\u203a", "a@x.example"),
        ("{a@x.example}", "a@x.example"),
        ("[a@x.example]", "a@x.example"),
        ("&lt;a@x.example&gt;", "a@x.example"),
        ("a\uff20x\uff0eexample", "a@x.example"),
        ("a\u200b@x.exa\u00admple", "a@x.example"),
        ("a @ x.example", "a@x.example"),
        ("a [at] x [dot] example", "a@x.example"),
        ("a (AT) x.example", "a@x.example"),
        ("a at x.example", "a@x.example"),
        ("N <a(c)@x.example>", "a@x.example"),
        ("N <a@(c)x.example>", "a@x.example"),
        ("N\x00 <\x00a\x00@\x00x\x00.\x00e\x00x\x00a\x00m\x00p\x00l\x00e\x00>\x00", "a@x.example"),
        ("N <a\x1b@x.example\x7f>", "a@x.example"),
        ("old@x.example <new@x.example>", "old@x.example new@x.example"),
        ("Me\n<a@x.example>\nYou <b@x.example>", "a@x.example b@x.example"),
        ('"first last"@x.example', "first last@x.example"),
        ("a@x.example. And more", "a@x.example"),
        ("Őry <mate@exämple.org", "mate@xn--exmple-cua.org"),
        ("heart <a@i❤.ws>", "a@i❤.ws"),
        ("a@[127.0.0.1] (x)", "a@[127.0.0.1]"),
    ],
)
def test_every_address_that_a_reader_sees(text: str, keys: str) -> None:
    wanted = set(map(Address, keys.split(" "))) if '"' not in text else {Address('"first last"@x.example')}
    assert wanted <= set(user_id.addresses(text))


@pytest.mark.parametrize("text", ["Bob", "Bob <>", "", "@", "a@", "@x.example", "Bob at home", "Look at that."])
def test_where_there_is_no_address_none_is_seen(text: str) -> None:
    assert user_id.addresses(text) == ()


LOCAL = st.from_regex(r"[a-z][a-z0-9]{0,8}([.+_-][a-z0-9]{1,5})?", fullmatch=True)
DOMAIN = st.from_regex(r"[a-z][a-z0-9-]{0,6}[a-z0-9]\.(example|test)", fullmatch=True)
MAILBOX = st.builds("{}@{}".format, LOCAL, DOMAIN)
BETWEEN = (*[" ", ", ", "; ", " / ", "/", "|", "> <", ">, <", " or ", "\n", "\t", " (", ") (", " - ", " und "],)
AROUND = (
    *["{}", "<{}>", "<{}", "{}>", "<mailto:{}>", "mailto:{}", "({})", "[{}]", "'{}'", "Name <{}> Dr.", "{} (Praxis)",
     "„{}“", "E-Mail: {}", "<{}> <{}", "«{}»", "{}.", "!{}", "x={}", "Name {}", "http://x.example/?m={}"],
)  # fmt: skip


@given(
    st.lists(MAILBOX, min_size=1, max_size=4),
    st.lists(st.sampled_from(BETWEEN), min_size=3, max_size=3),
    st.sampled_from(AROUND),
)
def test_addresses_are_seen_in_whatever_people_put_around_and_between_them(
    mailboxes: list[str], between: list[str], around: str
) -> None:
    joined = "".join(part for pair in zip(mailboxes, [*between, ""], strict=False) for part in pair)
    text = around.replace("{}", joined)
    seen = set(user_id.addresses(text))
    assert set(map(Address, mailboxes)) <= seen
    assert user_id.address(text) in {None, *map(Address, mailboxes)} or around in {"!{}", "x={}"}


def test_two_addresses_are_seen_in_every_form(record_property: Callable[[str, object], None]) -> None:
    wanted = {Address("one.two@pref.example"), Address("b3+x@other.test")}
    pairs = [f"one.two@pref.example{between}b3+x@other.test" for between in BETWEEN]
    texts = [form.replace("{}", pair) for form in AROUND for pair in pairs]
    assert [text for text in texts if not wanted <= set(user_id.addresses(text))] == []
    clear = [text for text in texts if user_id.address(text) not in {None, *wanted} and text[0] not in "!x"]
    assert clear == []
    record_property("counted", f"{len(texts)} user ids with two addresses")


@given(st.text(max_size=80) | st.text("ab@<>.,\"\\' ():[]/", max_size=40))
@example("Bob <a@b> <")
@example('"a@b"@c.example')
@example("a@x..example")
@example("<*)(uid=*@example.org>")
def test_the_address_that_is_named_is_seen_too(text: str) -> None:
    named, seen = user_id.address(text), user_id.addresses(text)
    assert named is None or named in seen
    assert len(set(seen)) == len(seen)
    assert all(address.domain for address in seen)


@given(st.text("aAäß@<>. ,%40&", max_size=30) | st.lists(MAILBOX, max_size=3).map(" ".join), MAILBOX)
@example("A\u0308@x.example", "\xe4@x.example")
@example("<a%40x.example>", "a@x.example")
@example("\uff21@x.example", "a@x.example")
@example(r'"a\"\\b"@x.example', "b@x.example")
@example("\u0130@x.example", "i@x.example")
def test_the_quick_look_for_an_address_agrees_with_the_long_one(text: str, other: str) -> None:
    seen = user_id.addresses(text)
    for wanted in (*seen, Address(other)):
        assert user_id.shows(text, {wanted}) == (wanted in seen)
    assert not user_id.shows(text, ())


def test_latin_1_is_read_where_it_is_no_utf_8() -> None:
    assert user_id.decode("Álvarez <r@x.example>".encode("latin-1")) == "Álvarez <r@x.example>"
    assert user_id.decode("Álvarez".encode()) == "Álvarez"


def test_a_packet_is_read_whole() -> None:
    read = user_id.read(b"Two <one@x.example> or two@x.example", revoked=True)
    assert (read.address, read.revoked, read.valid) == (Address("one@x.example"), True, True)
    assert read.others == (Address("two@x.example"),)
    assert read.addresses == (Address("one@x.example"), Address("two@x.example"))


@given(st.binary(max_size=200))
def test_no_octets_make_it_fail(octets: bytes) -> None:
    user_id.read(octets)


@pytest.mark.parametrize(
    "bit",
    [
        "@",
        "a@",
        "a@b ",
        "<",
        "<a@b>",
        '"',
        '"\\',
        "a@b.",
        " at b.c",
        "(at)",
        "&lt;",
        "%40",
        "'",
        "a.",
        "\u200b",
        " ",
        "\n",
        " @",
        "at ",
        " at b",
    ],
)
def test_the_cost_is_linear_in_the_text(bit: str) -> None:
    def cost(size: int) -> float:
        text = bit * (size // len(bit))
        begun = time.process_time()
        user_id.addresses(text)
        user_id.address(text)
        return time.process_time() - begun

    assert cost(50_000) < 10 * cost(10_000) + 0.5
