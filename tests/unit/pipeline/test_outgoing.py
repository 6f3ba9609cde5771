"""The seven rooms with everything around them in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pysequoia
import pytest
from lab.certificates import make_keypair
from lab.fakes import certificate, found, inbound
from lab.outgoing import Bench
from lab.waiting import until

import relay
from relay.mail import headers, pgpmime
from relay.mail.armor import dearmor
from relay.mail.hidden_recipients import NOBODY
from relay.mail.notice import Kind, Template
from relay.mail.notice_texts import Language
from relay.model import Address, Envelope, Inbound, Lookup, Origin, Outage, Recipient, Reply, Unusable, Why
from relay.pipeline import next_hop
from relay.pipeline.attempt import Attempt
from relay.policy import Encryption, Rule, WithoutKey
from relay.process.budget import Budget

OK = Reply(250, "2.0.0", "Ok")
PREFERRED = Rule(name="preferred", encrypt=Encryption.PREFERRED)
REQUIRED = Rule(name="required", encrypt=Encryption.REQUIRED)
B = "b@there.example"
C = "c@there.example"
D = "d@there.example"
TO_B_AND_C = (
    b"From: a@here.example\r\nTo: b@there.example, c@there.example\r\n"
    b"Subject: canary\r\nBcc: d@there.example\r\n\r\nbody\r\n"
)


async def test_a_known_key_is_encrypted_and_an_unknown_one_passes_clear_under_preferred() -> None:
    bench = Bench(PREFERRED, answers={B: found(B)})
    assert await bench.run(inbound(B, C)) == [250, 250]
    encrypted = next(content for to, content in bench.mails() if to == [B])
    clear = next(content for to, content in bench.mails() if to == [C])
    assert b"multipart/encrypted" in encrypted
    assert b"body" not in encrypted
    assert clear.endswith(inbound(B).content)
    assert [(r.recipient, r.action, r.rule) for r in bench.trail.records] == [
        (B, "encrypt", "preferred"),
        (C, "clear", "preferred"),
    ]


async def test_without_a_matching_rule_encryption_is_required() -> None:
    bench = Bench()
    assert await bench.run(inbound(B)) == [250]
    assert bench.mails() == []
    assert len(bench.notices()) == 1


@pytest.mark.parametrize("rule", [PREFERRED, REQUIRED])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Outage("wkd", "timeout"), 451),
        (Unusable(Why.EXPIRED, "F" * 40, Origin.IMPORTED, "keyring"), 250),
        (Unusable(Why.REVOKED, "F" * 40, Origin.IMPORTED, "keyring"), 250),
    ],
)
async def test_neither_an_outage_nor_an_unusable_key_is_ever_no_key(rule: Rule, answer: Lookup, code: int) -> None:
    bench = Bench(rule, answers={B: answer})
    assert await bench.run(inbound(B)) == [code]
    assert bench.mails() == []
    assert len(bench.notices()) == (code == 250)


async def test_visible_recipients_share_a_message_and_hidden_ones_have_their_own() -> None:
    bench = Bench(PREFERRED, answers={a: found(a, n) for n, a in enumerate((B, C, D), 1)})
    assert await bench.run(inbound(B, C, D, content=TO_B_AND_C)) == [250, 250, 250]
    assert sorted(to for to, _ in bench.mails()) == [[B, C], [D]]
    assert all(b"bcc:" not in content.lower() for _, content in bench.mails())


async def test_a_failing_engine_lets_nothing_leave_but_what_needs_no_encryption() -> None:
    bench = Bench(PREFERRED, answers={B: found(B)})
    bench.engine.fail = True
    assert await bench.run(inbound(B, C)) == [451, 250]
    assert [to for to, _ in bench.mails()] == [[C]]


async def test_a_certificate_that_expired_between_lookup_and_encryption_is_not_encrypted_to() -> None:
    old = certificate(B)
    over = tuple(replace(component, expires=1) for component in old.components)
    expired = replace(old, components=over)
    bench = Bench(PREFERRED, answers={B: replace(found(B), certificate=expired)})
    assert await bench.run(inbound(B)) == [451]
    assert bench.outlet.sent == []


@pytest.mark.parametrize("single", [False, True])
async def test_a_next_hop_that_is_down_is_temporary_for_all(single: bool) -> None:
    bench = Bench(PREFERRED, answers={B: found(B)})
    bench.outlet.down = True
    assert await bench.run(inbound(B, C, single_answer=single)) == [451, 451]


async def test_smtp_serves_each_recipient_once_however_often_it_is_retried_and_across_a_restart() -> None:
    bench = Bench(PREFERRED, answers={B: found(B), C: Outage("wkd", "timeout")})
    message = inbound(B, C, D, single_answer=True)
    assert await bench.run(message) == [451, 451, 451]
    bench.restart()
    assert await bench.run(message) == [451, 451, 451]
    bench.lookups.answers = {B: found(B), C: found(C)}
    assert await bench.run(message) == [250, 250, 250]
    assert sorted(bench.outlet.served()) == [B, C, D]
    assert bench.ledger.all() == set()


async def test_the_same_mail_sent_again_on_purpose_is_delivered_again() -> None:
    bench = Bench(PREFERRED)
    assert await bench.run(inbound(B, C, single_answer=True)) == [250, 250]
    assert await bench.run(inbound(B, C, single_answer=True)) == [250, 250]
    assert sorted(bench.outlet.served()) == [B, B, C, C]


@pytest.mark.parametrize("single", [False, True])
async def test_a_client_that_left_before_the_answer_is_not_served_twice(single: bool) -> None:
    bench = Bench(PREFERRED)
    message = inbound(B, single_answer=single)
    assert await bench.run(message, delivered=False) == [250]
    assert await bench.run(message) == [250]
    assert bench.outlet.served() == [B]
    assert bench.ledger.all() == set()


async def test_a_ledger_that_broke_after_the_send_is_remembered_and_written_when_it_is_back() -> None:
    bench = Bench(PREFERRED, answers={B: found(B), C: Outage("wkd", "timeout")})
    message = inbound(B, C, single_answer=True)
    real = bench.outlet.send

    async def breaking(envelope: object, content: bytes, *_: object) -> tuple[Reply, ...]:
        bench.ledger.down = True
        return await real(envelope, content)  # type: ignore[arg-type]  # handed through

    bench.outlet.send = breaking  # type: ignore[assignment, method-assign]  # the store breaks in this moment
    assert await bench.run(message) == [451, 451]
    assert await bench.run(message) == [451, 451]
    bench.ledger.down = False
    bench.lookups.answers = {B: found(B), C: found(C)}
    bench.outlet.send = real  # type: ignore[method-assign]  # put back
    assert await bench.run(message) == [250, 250]
    assert sorted(bench.outlet.served()) == [B, C]


async def test_a_store_that_cannot_be_read_is_an_outage_and_nothing_leaves() -> None:
    bench = Bench(PREFERRED)
    bench.ledger.down = True
    assert await bench.run(inbound(B)) == [451]
    assert bench.outlet.sent == []


async def test_a_trace_that_cannot_be_written_stops_new_mail_but_not_the_true_answer() -> None:
    bench = Bench(PREFERRED)
    bench.trail.down = True
    assert await bench.run(inbound(B)) == [250]
    assert await bench.run(inbound(C, id_="id2")) == [451]
    bench.trail.down = False
    assert await bench.run(inbound(C, id_="id2")) == [250]
    assert bench.outlet.served() == [B, C]
    assert [r.recipient for r in bench.trail.records] == [B, C]


@pytest.mark.parametrize("single", [False, True])
async def test_a_refusal_is_told_by_one_notice_naming_only_whom_it_concerns(single: bool) -> None:
    bench = Bench(REQUIRED, answers={B: found(B)})
    assert await bench.run(inbound(B, C, D, single_answer=single)) == [250, 250, 250]
    (notice,) = bench.notices()
    assert C.encode() in notice
    assert D.encode() in notice
    assert b"canary" not in notice
    assert b"body" not in notice
    assert [to for to, _ in bench.mails()] == [[B]]


@pytest.mark.parametrize(
    "message",
    [
        inbound(B, sender=None),
        inbound(Recipient(Address(B), ("NOTIFY=NEVER",))),
        inbound(B, content=b"Auto-Submitted: auto-generated\r\n\r\nx\r\n"),
        inbound(B, content=b"Precedence: bulk\r\n\r\nx\r\n"),
        inbound(B, content=b"List-Id: <x.example>\r\n\r\nx\r\n"),
    ],
    ids=["null sender", "NOTIFY=NEVER", "auto-generated", "bulk", "list"],
)
async def test_where_no_notice_may_be_written_a_refusal_is_550(message: Inbound) -> None:
    bench = Bench(REQUIRED)
    assert await bench.run(message) == [550]
    assert bench.outlet.sent == []


async def test_one_smtp_answer_that_says_550_is_true_for_all() -> None:
    bench = Bench(Rule(name="r", encrypt=Encryption.REQUIRED, by_reply=True), answers={B: found(B)})
    assert await bench.run(inbound(B, C, single_answer=True)) == [550, 550]
    assert bench.outlet.sent == []


async def test_a_notice_that_cannot_be_delivered_keeps_the_mail_with_postfix() -> None:
    bench = Bench(REQUIRED)
    bench.outlet.answer = lambda _e, _c: (Reply(550, "5.1.1", "no"),)
    assert await bench.run(inbound(B)) == [451]


async def test_a_held_mail_is_announced_once_and_leaves_by_itself_when_the_key_arrives() -> None:
    bench = Bench(Rule(name="hold", encrypt=Encryption.REQUIRED, without_key=WithoutKey.HOLD))
    message = inbound(B)
    assert await bench.run(message) == [450]
    assert await bench.run(message) == [450]
    assert len(bench.notices()) == 1
    bench.lookups.answers = {B: found(B)}
    assert await bench.run(message) == [250]
    assert [to for to, _ in bench.mails()] == [[B]]
    assert bench.ledger.all() == set()


async def test_smtp_tells_by_a_notice_whom_the_next_hop_refused_while_others_were_served() -> None:
    bench = Bench(PREFERRED)
    bench.outlet.answer = lambda envelope, _c: tuple(
        Reply(550, "5.1.1", "unknown") if r.address.text == C else OK for r in envelope.recipients
    )
    assert await bench.run(inbound(B, C, single_answer=True)) == [250, 250]
    assert len(bench.notices()) == 1
    assert await bench.run(inbound(B, C)) == [250, 550]


async def test_too_many_hops_and_bare_line_ends_are_refused_for_good() -> None:
    bench = Bench(PREFERRED)
    assert await bench.run(inbound(B, content=b"Received: x\r\n" * 51 + b"\r\nx\r\n")) == [554]
    for content in (b"A: b\r\n\r\nx\ny\r\n", b"A: b\r\n\r\nx\ry\r\n", b"A: b\r\n\r\nx\0y\r\n"):
        assert await bench.run(inbound(B, content=content)) == [554]
    assert bench.outlet.sent == []


async def test_what_is_encrypted_already_passes_as_it_is() -> None:
    key = pysequoia.Cert.from_bytes(make_keypair(f"<{B}>").public)
    (cipher,) = dearmor(bytes(pysequoia.encrypt(recipients=[key], bytes=b"body")))
    content = pgpmime.encrypted(
        headers.split(inbound(B).content), cipher.data, NOBODY, received=b"", protect_subject=True
    )
    bench = Bench(REQUIRED)
    assert await bench.run(inbound(B, content=content)) == [250]
    assert bench.mails()[0][1].endswith(content)
    assert bench.trail.records[0].action == "pass"


async def test_shadow_mode_decides_encrypts_and_traces_but_passes_all_unchanged() -> None:
    bench = Bench(REQUIRED, answers={B: found(B)}, shadow=True)
    assert await bench.run(inbound(B, C)) == [250, 250]
    ((to, content),) = bench.mails()
    assert to == [B, C]
    assert content.endswith(inbound(B).content)
    assert len(bench.engine.payloads) == 1
    assert [(r.action, r.reply, r.shadow) for r in bench.trail.records] == [
        ("encrypt", "250 2.0.0", True),
        ("refuse", "250 2.0.0", True),
    ]


@pytest.mark.parametrize("broken", ["the engine fails", "the engine breaks", "the lookups break", "no room"])
async def test_nothing_that_fails_in_shadow_mode_stops_a_mail(broken: str) -> None:
    bench = Bench(REQUIRED, answers={B: found(B), D: found(D)}, shadow=True)
    bench.engine.fail = broken == "the engine fails"
    if broken == "the engine breaks":
        bench.engine.payloads = None  # type: ignore[assignment]  # so that it raises what nobody foresaw
    if broken == "the lookups break":
        bench.lookups.answers = None  # type: ignore[assignment]  # likewise
    if broken == "no room":
        bench.pipeline = replace(bench.pipeline, batch=replace(bench.pipeline.batch, budget=Budget(0)))
    assert await bench.run(inbound(B, C, D)) == [250, 250, 250]
    ((to, content),) = bench.mails()
    assert to == [B, C, D]
    assert content.endswith(inbound(B).content)
    assert bench.notices() == []
    told = [(r.recipient, r.action, r.reason) for r in bench.trail.records]
    last = (D, "encrypt", "key found: keyring") if broken == "no room" else (D, "defer", "it could not be encrypted")
    failed = [(B, "defer", "it could not be encrypted"), (C, "refuse", "no key is known"), last]
    assert told == ([] if broken == "the lookups break" else failed)


@pytest.mark.parametrize("single_answer", [False, True])
async def test_shadow_mode_refuses_and_holds_nobody_and_writes_no_notice(*, single_answer: bool) -> None:
    hold = Rule(name="hold", encrypt=Encryption.REQUIRED, without_key=WithoutKey.HOLD)
    for rules in ((hold,), (replace(REQUIRED, by_reply=True),), (REQUIRED,)):
        bench = Bench(*rules, shadow=True)
        assert await bench.run(inbound(B, C, single_answer=single_answer)) == [250, 250]
        assert [to for to, _ in bench.mails()] == [[B, C]]
        assert bench.notices() == []
        assert {r.action for r in bench.trail.records} <= {"hold", "refuse"}


async def test_shadow_mode_gives_no_next_hop_more_recipients_than_it_takes_at_once() -> None:
    bench = Bench(REQUIRED, shadow=True)
    many = [f"r{i}@there.example" for i in range(2500)]
    assert set(await bench.run(inbound(*many))) == {250}
    assert [len(to) for to, _ in bench.mails()] == [1000, 1000, 500]


async def test_what_the_next_hop_says_is_the_answer_in_shadow_mode_too() -> None:
    bench = Bench(REQUIRED, shadow=True)
    bench.outlet.answer = lambda envelope, _: tuple(
        Reply(550, "5.1.1", "unknown") if r.address.text == C else OK for r in envelope.recipients
    )
    assert await bench.run(inbound(B, C)) == [250, 550]
    bench.outlet.down = True
    assert await bench.run(inbound(B, id_="id2")) == [451]


def test_the_built_in_templates_can_be_filled() -> None:
    folder = Path(relay.__file__).parent / "mail" / "templates"
    for language in Language:
        for kind in Kind:
            Template((folder / language.value / f"{kind.value}.txt").read_text(encoding="utf-8"))


async def test_a_client_that_sends_again_while_its_first_attempt_goes_on_waits_and_is_not_served_twice() -> None:
    bench = Bench(PREFERRED)
    message, again = inbound(B), inbound(B, id_="id2")
    entered, leave = asyncio.Event(), asyncio.Event()
    real = bench.outlet.send

    async def slow(envelope: Envelope, content: bytes, *_: object) -> tuple[Reply, ...]:
        entered.set()
        await leave.wait()
        return await real(envelope, content)

    bench.outlet.send = slow  # type: ignore[assignment, method-assign]  # the next hop takes its time
    first = asyncio.create_task(bench.run(message, delivered=False))
    await entered.wait()
    second = asyncio.create_task(bench.run(again))
    await asyncio.sleep(0.01)
    leave.set()
    assert (await first, await second) == ([250], [250])
    assert bench.outlet.served() == [B]
    assert bench.ledger.all() == set()


async def test_an_attempt_whose_client_has_left_before_its_turn_serves_nobody() -> None:
    bench = Bench(PREFERRED, answers={B: found(B)})
    message = inbound(B, C)
    first = bench.pipeline.begin(message)
    await first.replies()
    overtaken = asyncio.create_task(bench.run(message, delivered=False, awaited=False))
    await asyncio.sleep(0)
    await first.settle(delivered=True)  # and the ledger has forgotten it

    assert await overtaken == [451, 451]
    assert bench.outlet.served() == [B, C]
    assert bench.ledger.all() == set()
    assert await bench.run(message) == [250, 250], "the next attempt has its turn"


async def test_an_attempt_whose_client_has_left_still_knows_who_was_served() -> None:
    bench = Bench(PREFERRED, answers={B: found(B), C: Outage("wkd", "timeout")})
    message = inbound(B, C)
    assert await bench.run(message, delivered=False) == [250, 451]
    assert await bench.run(message, delivered=False, awaited=False) == [250, 451]
    assert bench.ledger.all() == {B}


async def test_the_trace_tells_that_a_recipient_was_served_where_one_smtp_answer_put_all_off() -> None:
    bench = Bench(PREFERRED, answers={B: found(B), C: Outage("wkd", "timeout")})
    message = inbound(B, C, single_answer=True)
    assert await bench.run(message) == [451, 451]
    bench.lookups.answers = {B: found(B), C: found(C)}
    assert await bench.run(message) == [250, 250]
    assert [(r.recipient, r.reply) for r in bench.trail.records] == [
        (B, "250 2.0.0"),
        (C, "451 4.3.0"),
        (C, "250 2.0.0"),
    ]


async def cut_off(bench: Bench, message: Inbound, here: Callable[[], bool]) -> Attempt:
    """An attempt that came that far."""
    attempt = bench.pipeline.begin(message)
    processing = asyncio.create_task(attempt.replies())
    await until(here)
    processing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await processing
    return attempt


async def test_a_mail_cut_off_between_two_messages_has_ledger_and_trace_of_the_first() -> None:
    bench = Bench(PREFERRED, answers={B: found(B)})
    message = inbound(B, C)
    real, second = bench.outlet.send, asyncio.Event()

    async def hanging(envelope: Envelope, content: bytes, *_: object) -> tuple[Reply, ...]:
        if bench.outlet.sent:
            second.set()
            await asyncio.Event().wait()
        return await real(envelope, content)

    bench.outlet.send = hanging  # type: ignore[assignment, method-assign]  # after the first message
    await cut_off(bench, message, second.is_set)
    assert bench.ledger.all() == {B}
    assert [(r.recipient, r.reply) for r in bench.trail.records] == [(B, "250 2.0.0")]


@pytest.mark.parametrize("single", [False, True])
async def test_a_relay_that_is_stopped_in_mid_mail_writes_down_whom_it_has_served(single: bool) -> None:
    bench = Bench(PREFERRED)
    message = inbound(B, single_answer=single)
    bench.trail.stall = asyncio.Event()
    attempt = await cut_off(bench, message, lambda: bench.trail.stall is None)
    await attempt.settle(delivered=False)
    assert await bench.run(message) == [250]
    assert bench.outlet.served() == [B]


async def test_what_would_end_after_the_client_has_given_up_is_not_begun() -> None:
    bench = Bench(REQUIRED, answers={B: found(B)}, longest=next_hop.ENDS_WITHIN)
    assert await bench.run(inbound(B, C)) == [451, 451]
    assert bench.outlet.sent == []


async def test_what_does_not_end_before_the_client_gives_up_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_hop, "ENDS_WITHIN", 0.05)
    bench = Bench(REQUIRED, answers={B: found(B)}, longest=0.01)

    async def hanging(_envelope: Envelope, _content: bytes, *_: object) -> tuple[Reply, ...]:
        await asyncio.Event().wait()
        raise AssertionError

    bench.outlet.send = hanging  # type: ignore[assignment, method-assign]  # reads, and never answers
    assert await bench.run(inbound(B, C)) == [451, 451]
