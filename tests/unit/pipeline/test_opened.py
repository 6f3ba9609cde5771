"""A mail that was decrypted here leaves encrypted or not at all, whatever the rules say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from lab.ciphertexts import for_
from lab.fakes import FakeLookups, found, inbound
from lab.outgoing import Bench

from relay.mail import headers, pgpmime
from relay.mail.hidden_recipients import NOBODY
from relay.model import Address, Outage
from relay.model.errors import StoreError
from relay.pipeline.opened import OpenedCheck
from relay.pipeline.own_notices import OwnNotices
from relay.policy import Encryption, Rule, WithoutKey

B = "b@there.example"
C = "c@here.example"
NEVER = Rule(name="never", encrypt=Encryption.NEVER)
PREFERRED = Rule(name="preferred", encrypt=Encryption.PREFERRED)
MARKED = (
    b"From: x@there.example\r\nTo: b@there.example\r\nSubject: canary\r\n"
    b"X-PGP-Relay: encryption=decrypted; signature=none; subject=signed\r\n\r\nbody\r\n"
)
ANSWER = (
    b"From: a@here.example\r\nTo: b@there.example\r\nSubject: canary\r\nMessage-ID: <2@here.example>\r\n"
    b"In-Reply-To: <1@there.example>\r\n\r\nbody\r\n"
)


@dataclass
class FakeOpened:
    known: frozenset[str] = frozenset({"1@there.example"})
    down: bool = False
    asked: list[Sequence[str]] = field(default_factory=list)

    async def note(self, identifiers: Sequence[str]) -> None:
        raise NotImplementedError

    async def knows(self, identifiers: Sequence[str]) -> bool:
        if self.down:
            raise StoreError("down")
        self.asked.append(identifiers)
        return not self.known.isdisjoint(identifiers)


def bench(*rules: Rule, opened: FakeOpened | None = None, shadow: bool = False, known: Sequence[str] = ()) -> Bench:
    check = OpenedCheck(opened, FakeLookups({C: found(C, 7), **{address: found(address) for address in known}}))
    return Bench(*rules, answers={address: found(address) for address in known}, shadow=shadow, opened=check)


def decided(made: Bench) -> list[tuple[str, str, str]]:
    return [(row.recipient, row.action, row.rule) for row in made.trail.records]


@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize("content", [MARKED, ANSWER], ids=["marked", "answer"])
@pytest.mark.parametrize("rule", [NEVER, PREFERRED, replace(PREFERRED, protect_subject=False)])
async def test_it_is_encrypted_with_its_subject_where_there_is_a_key(rule: Rule, content: bytes, shadow: bool) -> None:
    made = bench(rule, opened=FakeOpened(), shadow=shadow, known=[B])
    assert await made.run(inbound(B, content=content)) == [250]
    ((_, sent),) = made.mails()
    assert b"multipart/encrypted" in sent
    assert b"canary" not in sent
    assert decided(made) == [(B, "encrypt", "(opened)")]
    assert not made.trail.records[0].shadow


@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize("content", [MARKED, ANSWER], ids=["marked", "answer"])
@pytest.mark.parametrize("rule", [NEVER, PREFERRED])
async def test_without_a_key_it_is_refused(rule: Rule, content: bytes, shadow: bool) -> None:
    made = bench(rule, opened=FakeOpened(), shadow=shadow)
    assert await made.run(inbound(B, content=content)) == [250]
    assert made.mails() == []
    (notice,) = made.notices()
    assert b"canary" not in notice
    assert decided(made) == [(B, "refuse", "(opened)")]


async def test_without_a_key_it_waits_where_the_rule_holds() -> None:
    made = bench(replace(PREFERRED, without_key=WithoutKey.HOLD), opened=FakeOpened())
    assert await made.run(inbound(B, content=MARKED)) == [450]
    assert made.mails() == []


async def test_an_own_recipient_has_our_certificate_as_key() -> None:
    made = bench(NEVER, opened=FakeOpened(), known=[B])
    assert await made.run(inbound(B, C, content=MARKED)) == [250, 250]
    assert sorted(decided(made)) == [(B, "encrypt", "(opened)"), (C, "encrypt", "(opened)")]
    assert all(b"multipart/encrypted" in content for _, content in made.mails())


async def test_what_is_already_encrypted_passes_unless_its_header_shows_what_was_inside() -> None:
    outside = headers.split(inbound(B).content)
    body = pgpmime.encrypted(outside, for_("AB" * 8), NOBODY, received=b"", protect_subject=True)
    for head, action in ((MARKED, "encrypt"), (ANSWER, "pass")):
        made = bench(PREFERRED, opened=FakeOpened(), known=[B])
        fields = head.partition(b"\r\n\r\n")[0].replace(b"Subject: canary\r\n", b"").partition(b"\r\n")[2]
        await made.run(inbound(B, content=fields + b"\r\n" + body))
        assert [row.action for row in made.trail.records] == [action], head


@pytest.mark.parametrize("shadow", [False, True])
async def test_a_store_that_is_away_lets_nothing_pass(shadow: bool) -> None:
    made = bench(NEVER, opened=FakeOpened(down=True), shadow=shadow)
    assert await made.run(inbound(B, content=ANSWER)) == [451]
    assert made.mails() == []


async def test_sources_that_are_away_defer_it() -> None:
    made = Bench(NEVER, opened=OpenedCheck(None, FakeLookups({B: Outage("wkd", "timeout")})))
    assert await made.run(inbound(B, content=MARKED)) == [451]
    assert made.mails() == []


async def test_without_own_domains_the_mark_counts_and_nothing_is_asked() -> None:
    made = Bench(NEVER)
    assert await made.run(inbound(B, content=MARKED)) == [250]
    assert made.mails() == []
    assert await made.run(inbound(B, content=ANSWER)) == [250]
    assert len(made.mails()) == 1


async def test_other_mail_goes_by_the_rules() -> None:
    opened = FakeOpened(known=frozenset())
    made = bench(NEVER, opened=opened)
    assert await made.run(inbound(B, content=ANSWER)) == [250]
    assert decided(made) == [(B, "clear", "never")]
    assert opened.asked == [("2@here.example", "1@there.example")]


async def test_the_relays_own_notice_goes_by_no_rule() -> None:
    made = bench(Rule(name="all", encrypt=Encryption.REQUIRED))
    await OwnNotices(made.ledger).announce(ANSWER, Address(B))
    made.own_notices = OwnNotices(made.ledger)
    made.restart()
    assert await made.run(inbound(B, content=ANSWER, sender=None)) == [250]
    assert await made.run(inbound(C, content=ANSWER, sender=None)) == [550]
    assert decided(made) == [(B, "clear", "(own notice)"), (C, "refuse", "all")]
