"""Rules, what they match, and every decision: the tables of decisions.md, row by row."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model import (
    Address,
    Certificate,
    Clear,
    Component,
    Decision,
    Doubt,
    Encrypt,
    Found,
    Hold,
    Lookup,
    NotFound,
    Origin,
    Outage,
    Refuse,
    Unusable,
    UserId,
    Why,
    replies,
)
from relay.model.errors import AddressError
from relay.model.pickup import Obstacle
from relay.policy import (
    DEFAULT_RULE,
    NOT_ENCRYPTED,
    AddressPattern,
    Encrypted,
    Encryption,
    HeaderPattern,
    Message,
    PassEncrypted,
    Rule,
    SubjectPattern,
    Telling,
    Text,
    WithoutKey,
    WkdOutage,
    decide,
    match,
    needs_key,
    telling,
    why_not,
)
from relay.policy.pattern import glob

BOB = Address("bob@b.example")
KEY = Certificate(
    data=b"",
    version=4,
    components=(Component("A" * 40, "cv25519", 0, None, encrypts=True),),
    user_ids=(UserId("Bob <bob@b.example>", BOB),),
)
FOUND = Found(KEY, Origin.IMPORTED, "keyring", "keyring")
EXPIRED = Unusable(Why.EXPIRED, "A" * 40, Origin.IMPORTED, "keyring")
LOOKUPS: dict[str, Lookup | None] = {
    "found": FOUND,
    "none": NotFound("wkd"),
    "unusable": EXPIRED,
    "wkd down": Outage("wkd", "timeout"),
    "ldap down": Outage("ldap", "timeout"),
    "not asked": None,
}
YES_OR_NO = ("yes", "no")
ENCRYPTED = {
    "no": NOT_ENCRYPTED,
    "to that key": Encrypted("PGP/MIME", (frozenset({"A" * 16, "0" * 16}),)),
    "to another": Encrypted("PGP/MIME", (frozenset({"A" * 16}), frozenset({"B" * 16, "0" * 16, ""}))),
}
PASSES = {"all": PassEncrypted.ANY, "known": PassEncrypted.KNOWN}
BUT = Doubt.UNKNOWN_KEYS.beside("")
DECISIONS: dict[str, tuple[str, ...]] = {
    "key": tuple(LOOKUPS),
    "already encrypted": tuple(ENCRYPTED),
    "pass_encrypted": tuple(PASSES),
    "encrypt": tuple(Encryption),
    "without_key": tuple(WithoutKey),
    "wkd_outage": tuple(WkdOutage),
}
TELLINGS: dict[str, tuple[str, ...]] = {
    "decision": ("pass", "encrypt", "clear", "pickup", "refuse", "hold", "defer"),
    "refuse_with": ("notice", "reply"),
    "sender is <>": YES_OR_NO,
    "NOTIFY=NEVER": YES_OR_NO,
    "automatic": YES_OR_NO,
}

Row = dict[str, str]


def tables() -> Iterator[list[Row]]:
    text = (Path(__file__).parent / "decisions.md").read_text("utf-8")
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines())
        yield [dict(zip(head, row, strict=True)) for row in rows]


DECIDED, TOLD = tables()


def row_for(table: list[Row], case: Row) -> Row:
    rows = [
        row
        for row in table
        if all(row[name] == "any" or value in row[name].split(", ") for name, value in case.items())
    ]
    assert len(rows) == 1, f"{len(rows)} rows for {case}"
    return rows[0]


def combinations(dimensions: dict[str, tuple[str, ...]]) -> Iterator[Row]:
    for values in product(*dimensions.values()):
        yield dict(zip(dimensions, values, strict=True))


def decided(case: Row, *, by_reply: bool = False) -> Decision:
    rule = Rule(
        "a rule",
        encrypt=Encryption(case["encrypt"]),
        without_key=WithoutKey(case["without_key"]),
        wkd_outage=WkdOutage(case["wkd_outage"]),
        pass_encrypted=PASSES[case["pass_encrypted"]],
        by_reply=by_reply,
    )
    return decide(rule, ENCRYPTED[case["already encrypted"]], LOOKUPS[case["key"]])


def an_example_of(action: str, *, by_reply: bool) -> Decision:
    example = next(case for case in combinations(DECISIONS) if row_for(DECIDED, case)["decision"] == action)
    return decided(example, by_reply=by_reply)


def test_the_table_of_decisions_holds_every_combination_once_and_is_true() -> None:
    for case in combinations(DECISIONS):
        row = row_for(DECIDED, case)
        decision = decided(case)
        assert (decision.action, decision.reason) == (row["decision"], row["reason"].replace(" (but)", BUT)), case
        assert decision.rule == "a rule"


@pytest.mark.parametrize(
    ("obstacle", "action"), [(Obstacle.TOO_LARGE, "refuse"), (Obstacle.NOBODY, "hold"), (Obstacle.NO_CODE, "hold")]
)
@pytest.mark.parametrize("key", ["none", "unusable"])
def test_a_mail_that_cannot_become_a_pickup_never_leaves_in_clear(obstacle: Obstacle, action: str, key: str) -> None:
    rule = Rule("a rule", without_key=WithoutKey.PICKUP)
    decision = decide(rule, NOT_ENCRYPTED, LOOKUPS[key], obstacle=obstacle)
    assert decision.action == action
    assert decision.reason.endswith(f", {obstacle}")


def test_the_table_of_tellings_holds_every_combination_once_and_is_true() -> None:
    for case in combinations(TELLINGS):
        row = row_for(TOLD, case)
        told = telling(
            an_example_of(case["decision"], by_reply=case["refuse_with"] == "reply"),
            sender_null=case["sender is <>"] == "yes",
            notify_never=case["NOTIFY=NEVER"] == "yes",
            automatic=case["automatic"] == "yes",
        )
        assert told == row["the sender gets"], case


def test_the_answers_in_the_table_are_those_of_the_replies() -> None:
    answers = {
        ("refuse", "notice"): replies.delivered,
        ("refuse", "reply"): replies.refused,
        ("hold", "notice"): replies.held,
        ("hold", "nothing"): replies.held,
        ("defer", "nothing"): replies.source_down,
    }
    for row in TOLD[1:]:
        reply = answers[row["decision"], row["the sender gets"]]("x")
        assert row["the recipient is answered"].startswith(f"{reply.code} {reply.enhanced}")


def test_no_row_of_the_tables_goes_unused() -> None:
    for table, dimensions in ((DECIDED, DECISIONS), (TOLD, TELLINGS)):
        used = [row_for(table, case) for case in combinations(dimensions)]
        assert [row for row in table if row not in used] == []


def test_clear_comes_of_a_rule_that_says_so_and_of_no_key_anywhere_and_of_nothing_else() -> None:
    for case in combinations(DECISIONS):
        if isinstance(decided(case), Clear):
            excused = case["key"] == "wkd down" and case["wkd_outage"] == "not_found"
            nowhere = case["encrypt"] == "preferred" and (case["key"] == "none" or excused)
            assert case["encrypt"] == "never" or nowhere, case


def test_a_key_is_looked_up_exactly_where_the_decision_hangs_on_it() -> None:
    for case in combinations(DECISIONS):
        passes = PASSES[case["pass_encrypted"]]
        rule = Rule("a rule", encrypt=Encryption(case["encrypt"]), pass_encrypted=passes)
        encrypted = ENCRYPTED[case["already encrypted"]]
        without = decide(rule, encrypted, None)
        assert needs_key(rule, encrypted) is (without.action == "defer")


def test_an_encrypt_is_as_its_rule_says() -> None:
    decision = decide(Rule("r", sign=False, protect_subject=False), NOT_ENCRYPTED, FOUND)
    assert decision == Encrypt("r", FOUND, sign=False, protect_subject=False)


def test_a_refusal_and_a_hold_name_the_key_that_must_not_be_used() -> None:
    refused = decide(Rule("r", by_reply=True), NOT_ENCRYPTED, EXPIRED)
    assert refused == Refuse("r", Why.EXPIRED, by_reply=True, fingerprint="A" * 40)
    held = decide(Rule("r", without_key=WithoutKey.HOLD), NOT_ENCRYPTED, EXPIRED)
    assert held == Hold("r", Why.EXPIRED, fingerprint="A" * 40)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("bob@b.example", ["bob@b.example", "BOB@B.Example", '"bob"@b.example'], ["bob+tag@b.example", "bo@b.example"]),
        (
            "*@b.example",
            ["x@b.example", '"a@b"@B.EXAMPLE', "x@b.example."],
            ["x@a.b.example", "x@bb.example", "b.example"],
        ),
        ("*@*.b.example", ["x@a.b.example", "x@z.a.b.example"], ["x@b.example", "x@ab.example", "x@.b.example.org"]),
        ("radio-*@b.example", ["radio-1@b.example", "Radio-@b.example"], ["radio@b.example", "xradio-1@b.example"]),
        ("*@hôpital.example", ["x@xn--hpital-ixa.example", "x@HÔPITAL.example"], ["x@hopital.example"]),
        ("*@*.hôpital.example", ["x@a.xn--hpital-ixa.example", "x@a.hôpital.example"], ["x@hôpital.example"]),
        ("rené@b.example", [unicodedata.normalize("NFD", "RENÉ@b.example")], ["rene@b.example"]),
        ("*@[192.0.2.1]", ["x@[192.0.2.1]"], ["x@192.0.2.1"]),
        ("*", ["x@b.example", "postmaster"], []),
        ("*@*", ["x@b.example", "postmaster"], []),
        ("<>", [], ["x@b.example"]),
    ],
)
def test_an_address_pattern(pattern: str, matching: list[str], others: list[str]) -> None:
    made = AddressPattern(pattern)
    assert [text for text in matching if not made.matches(Address(text))] == []
    assert [text for text in others if made.matches(Address(text))] == []
    assert made.matches(None) is (pattern == "<>")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "b.example",
        "postmaster",
        "@b.example",
        "bob@",
        "*@*b.example",
        "*@b.*",
        "*@a.*.b",
        "*@**",
        "*@*.*",
        "*@a..b",
        "*@-a",
    ],
)
def test_what_is_no_address_pattern_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        AddressPattern(text)


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_an_asterisk_stands_for_anything(pattern: str, text: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text)
    assert glob(pattern, text) is bool(expected)


def test_many_asterisks_cost_no_time() -> None:
    assert not glob("*a" * 5000 + "b", "a" * 100_000)


def texts(*values: str) -> tuple[Text, ...]:
    return tuple(map(Text.of, values))


MAIL = Message(
    sender=Address("anne@a.example"),
    recipient=BOB,
    subject=Text.of("Re: [Confidentiel] Compte  rendu"),
    headers={"sensitivity": texts("Company-Confidential"), "x-kind": texts("one", "two  words")},
    shapes=frozenset({"calendar"}),
)


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (Rule("all"), None),
        (Rule("r", senders=(AddressPattern("*@a.example"),)), None),
        (
            Rule("r", senders=(AddressPattern("<>"), AddressPattern("*@c.example"))),
            "the sender is not <> or *@c.example",
        ),
        (Rule("r", recipients=(AddressPattern("*@c.example"), AddressPattern("bob@b.example"))), None),
        (Rule("r", recipients=(AddressPattern("*@c.example"),)), "the recipient is not *@c.example"),
        (Rule("r", subjects=(SubjectPattern("[confidentiel]"),)), None),
        (Rule("r", subjects=(SubjectPattern("x"), SubjectPattern("compte rendu"))), None),
        (Rule("r", subjects=(SubjectPattern("[secret]"),)), "the subject does not contain [secret]"),
        (Rule("r", headers=(HeaderPattern("sensitivity", ("private", "company-confidential")),)), None),
        (Rule("r", headers=(HeaderPattern("sensitivity", ("company",)),)), "the header sensitivity is not company"),
        (Rule("r", headers=(HeaderPattern("sensitivity", ("company*",)),)), None),
        (Rule("r", headers=(HeaderPattern("x-kind", ("TWO words",)),)), None),
        (Rule("r", headers=(HeaderPattern("x-none", ("*",)),)), "the header x-none is not *"),
        (
            Rule("r", headers=(HeaderPattern("sensitivity", ("*",)), HeaderPattern("x-kind", ("three",)))),
            "the header x-kind is not three",
        ),
        (Rule("r", shapes=frozenset({"calendar", "tnef"})), None),
        (Rule("r", shapes=frozenset({"list", "tnef"})), "the message is not list or tnef"),
        (
            Rule("r", senders=(AddressPattern("*@a.example"),), recipients=(AddressPattern("*@a.example"),)),
            "the recipient is not *@a.example",
        ),
        (
            Rule("r", recipients=tuple(AddressPattern(f"*@{x}.example") for x in "acdefg")),
            "the recipient is not *@a.example, nor any of 5 more",
        ),
    ],
)
def test_a_rule_matches_or_says_why_not(rule: Rule, fault: str | None) -> None:
    assert why_not(rule, MAIL) == fault
    assert (match([rule], MAIL) is rule) is (fault is None)


def test_why_a_rule_does_not_match_quotes_nothing_of_the_message() -> None:
    wanted = Rule("r", subjects=(SubjectPattern("x"),), headers=(HeaderPattern("x-kind", ("y",)),))
    assert "Compte" not in str(why_not(wanted, MAIL))


def test_the_first_rule_that_matches_counts() -> None:
    first, second = Rule("first", recipients=(AddressPattern("*@b.example"),)), Rule("second")
    assert match([first, second], MAIL) is first
    assert match([second, first], MAIL) is second


def test_where_no_rule_matches_a_mail_is_encrypted_or_refused() -> None:
    assert match([Rule("r", shapes=frozenset({"tnef"}))], MAIL) is DEFAULT_RULE
    assert match([], MAIL) is DEFAULT_RULE
    assert isinstance(decide(DEFAULT_RULE, NOT_ENCRYPTED, NotFound("wkd")), Refuse)


def test_the_null_sender_is_matched_by_its_own_pattern_alone() -> None:
    bounce = Message(sender=None, recipient=BOB)
    assert match([Rule("r", senders=(AddressPattern("*"),))], bounce) is DEFAULT_RULE
    assert match([Rule("r", senders=(AddressPattern("<>"),))], bounce).name == "r"


def test_a_header_that_has_to_be_there_is_not_matched_by_its_absence() -> None:
    assert why_not(Rule("r", headers=(HeaderPattern("x-kind", ("*",)),)), Message(sender=None, recipient=BOB))


def test_a_rule_that_takes_everything_is_known() -> None:
    assert Rule("r").takes_everything
    assert Rule("r", recipients=(AddressPattern("*@a.example"), AddressPattern("*@*"))).takes_everything
    assert not Rule("r", recipients=(AddressPattern("*@a.example"),)).takes_everything
    assert not Rule("r", senders=(AddressPattern("*"),)).takes_everything  # the null sender gets past it


def test_a_source_is_excused_by_a_rule_that_says_so() -> None:
    assert Rule("r").excused == frozenset()
    assert Rule("r", wkd_outage=WkdOutage.NOT_FOUND).excused == {"wkd"}


def test_a_notice_is_never_sent_to_the_null_sender() -> None:
    yes_or_no = (True, False)
    for action, by_reply, never, automatic in product(TELLINGS["decision"], yes_or_no, yes_or_no, yes_or_no):
        decision = an_example_of(action, by_reply=by_reply)
        told = telling(decision, sender_null=True, notify_never=never, automatic=automatic)
        assert told is not Telling.NOTICE


SENT_ON = [
    "bob%elsewhere.example@hopital.example",
    "elsewhere.example!bob@hopital.example",
    '"bob@elsewhere.example"@hopital.example',
    "@elsewhere.example:bob@hopital.example",
]
WRITTEN_ODDLY = [
    "bob@ville.example ",
    "bob@ ville.example",
    "bob(x)@ville.example",
    "bob@ville.example(x)",
    "bob@ville.example,",
    "bob@ville.example;",
    r"b\ob@ville.example",
]
OTHERWISE_NAMED = [
    "bob@i\N{HEAVY BLACK HEART}.ws",
    "bob@\N{FULLWIDTH LATIN SMALL LETTER H}opital.example",
    "bob@hopital\N{IDEOGRAPHIC FULL STOP}example",
    "bob@hopi\N{SOFT HYPHEN}tal.example",
    "bob@hopital\N{WORD JOINER}.example",
    "bob@hopital.exampl\N{MATHEMATICAL BOLD SMALL E}",
    "bob@fa\N{LATIN SMALL LETTER SHARP S}.example",
    "bob@\N{GREEK SMALL LETTER FINAL SIGMA}.example",
    "bob@ho\N{COMBINING CIRCUMFLEX ACCENT}pital.example",
    "bob@a_b.h\N{LATIN SMALL LETTER O WITH CIRCUMFLEX}_pital.example",
    "bob@xn--i-7iq.ws",
    "bob@xn--a.example",
]
"""Postfix 3.7 reads each as another name than IDNA 2008, or IDNA 2008 knows no such name."""
NAMELESS = ["postmaster", "bob@[192.0.2.1]", "bob@[IPv6:2001:db8::1]"]


@pytest.mark.parametrize("address", [*SENT_ON, *WRITTEN_ODDLY, *OTHERWISE_NAMED, *NAMELESS])
def test_a_rule_that_prefers_encryption_lets_nothing_go_clear_to_who_knows_whom(address: str) -> None:
    """No rule was met and no key found by the name, and Postfix delivered it, clear, to another that has both."""
    taken = match([Rule("preferred", encrypt=Encryption.PREFERRED)], Message(None, Address(address)))
    decision = decide(taken, NOT_ENCRYPTED, NotFound("keyring", "keyring"))
    assert decision == Refuse("preferred", Why.NO_KEY)


@pytest.mark.parametrize(
    "address",
    [
        "bob.@v.example",
        "o'neil+x@v.example",
        '"a b"@v.example',
        "bob@H\N{LATIN CAPITAL LETTER O WITH CIRCUMFLEX}PITAL.example.",
        "bob@XN--HPITAL-IXA.example",
        "bob@r3---sn.a_b.example",
        "bob@\N{CJK UNIFIED IDEOGRAPH-75C5}\N{CJK UNIFIED IDEOGRAPH-9662}.example",
    ],
)
def test_a_rule_that_prefers_encryption_stays_that_for_any_other_address(address: str) -> None:
    preferred = Rule("preferred", encrypt=Encryption.PREFERRED)
    assert match([preferred], Message(None, Address(address))) is preferred


@pytest.mark.parametrize("address", SENT_ON)
def test_an_address_that_asks_to_be_sent_on_is_not_clear_for_the_hospital(address: str) -> None:
    inside = Rule("inside", recipients=(AddressPattern("*@hopital.example"),), encrypt=Encryption.NEVER)
    everyone = Rule("all", recipients=(AddressPattern("*"),), encrypt=Encryption.NEVER)
    strict = Rule("strict", recipients=(AddressPattern("*@hopital.example"),))
    message = Message(None, Address(address))
    assert match([inside], message) is DEFAULT_RULE
    assert match([everyone], message) is everyone
    assert match([strict], message) is strict
    assert match([inside], Message(None, Address("bob@hopital.example"))) is inside


@pytest.mark.parametrize("address", [*SENT_ON, *OTHERWISE_NAMED])
def test_an_address_that_postfix_takes_for_another_is_not_the_house_s(address: str) -> None:
    house = tuple(map(AddressPattern, ("*@hopital.example", "*@*.example", "*@*.ws", "*@*.ville.example")))
    other = Address("anna@ville.example")
    for rule in (Rule("to", recipients=house, encrypt=Encryption.NEVER), Rule("from", house, encrypt=Encryption.NEVER)):
        sender, recipient = (other, Address(address)) if rule.name == "to" else (Address(address), other)
        assert match([rule], Message(sender, recipient)) is DEFAULT_RULE
        strict = replace(rule, encrypt=Encryption.REQUIRED)
        assert match([strict], Message(sender, recipient)) is strict


@pytest.mark.parametrize("address", [*SENT_ON, *WRITTEN_ODDLY, *OTHERWISE_NAMED, *NAMELESS])
@pytest.mark.parametrize("strict", [Encryption.REQUIRED, Encryption.PREFERRED])
def test_an_address_that_may_be_one_of_a_rule_before_is_not_clear_by_one_for_everybody(
    address: str, strict: Encryption
) -> None:
    partner = Rule("partner", recipients=(AddressPattern("*@partner.example"),), encrypt=strict)
    inside = Rule("inside", recipients=(AddressPattern("*@inside.example"),), encrypt=Encryption.NEVER)
    message = Message(None, Address(address))
    for rest in (
        Rule("rest", encrypt=Encryption.NEVER),
        Rule("*", (), (AddressPattern("*"),), encrypt=Encryption.NEVER),
    ):
        assert match([partner, inside, rest], message).encrypt is Encryption.REQUIRED
        assert match([partner, inside, rest], Message(None, Address("bob@v.example"))) is rest
        assert match([inside, rest], message) is rest


def test_a_rule_for_clear_mail_may_name_an_address_literal() -> None:
    scanner = Rule("scanner", recipients=(AddressPattern("*@[192.0.2.1]"),), encrypt=Encryption.NEVER)
    partner = Rule("partner", recipients=(AddressPattern("*@partner.example"),))
    assert match([partner, scanner], Message(None, Address("scan@[192.0.2.1]"))) is scanner
    assert match([scanner], Message(None, Address("scan%else.example@[192.0.2.1]"))) is DEFAULT_RULE
