"""Pick-ups through the whole story, with all around it in memory; a failure at each step between store and 250."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from lab.fakes import FakeEngine, FakeLedger, FakeLookups, FakeOutlet, FakeTrail, found, inbound
from lab.pickup_fakes import DOCTOR, FakeHook, FakePeople, FakePresets, FakeRegister, FakeService
from structlog.testing import capture_logs

from relay.mail.notice import Kind, Notices, Template, Wording
from relay.mail.notice_texts import Language
from relay.mail.pickup_letters import PickupLetters
from relay.mail.quoted_code import quotes_code
from relay.model import Envelope, Inbound, Mailbox, Recipient, Reply, codes
from relay.model.address import Address
from relay.model.errors import TurnLost
from relay.model.pickup import Handover, PickupState
from relay.pipeline.audit import Audit
from relay.pipeline.code_handover import CodeHandover
from relay.pipeline.decide import Decider
from relay.pipeline.deliver import Deliverer
from relay.pipeline.encrypt import Encryptor
from relay.pipeline.encrypt_all import BatchEncryptor
from relay.pipeline.ledger import BufferedLedger
from relay.pipeline.next_hop import NextHop
from relay.pipeline.notify import Notifier
from relay.pipeline.outgoing import Pipeline
from relay.pipeline.pickup import Pickups
from relay.pipeline.pickup_terms import PickupTerms
from relay.pipeline.receive import Receiver
from relay.pipeline.transaction_lock import TransactionLocks
from relay.policy import Rule, WithoutKey

MAILBOX = Mailbox.parse("Hôpital Exemple <messagerie@here.example>")
URL = "https://courrier.here.example"
LETTERS = PickupLetters(Language.FR, MAILBOX, "Hôpital Exemple", "relay.example", URL, None, "Le chat dort")
WORDING = Wording(Template("Not sent\n\n$recipients\n"), Template("Not sent\n\n$recipients\n"))
NOTICES = Notices(dict.fromkeys(Kind, WORDING), Language.FR, MAILBOX, None, "relay.example", timedelta(days=5))
RULE = Rule("pickup", without_key=WithoutKey.PICKUP)
PATIENT, OTHER = "patient@ville.example", "other@ville.example"
NO = Reply(451, "4.3.0", "later")
NEVER = Reply(550, "5.1.1", "nobody")


class Site:
    """A pipeline that makes pick-ups."""

    def __init__(self, *, handover: Handover = Handover.SENDER, max_size: int = 10_000, shadow: bool = False) -> None:
        self.shadow = shadow
        self.engine, self.outlet, self.ledger, self.trail = FakeEngine(), FakeOutlet(), FakeLedger(), FakeTrail()
        self.lookups = FakeLookups({"keyed@there.example": found("keyed@there.example")})
        self.service, self.register, self.people = FakeService(), FakeRegister(), FakePeople()
        self.presets, self.hook = FakePresets(), FakeHook()
        self.handover, self.max_size = handover, max_size
        self.restart()

    def restart(self) -> None:
        ledger, audit = BufferedLedger(self.ledger, TransactionLocks(os.memfd_create("turns"))), Audit(self.trail)
        hop = NextHop(self.outlet)
        own = frozenset({"here.example"})
        self.pipeline = Pipeline(
            Receiver(ledger, audit),
            Decider(
                (RULE,),
                self.lookups,
                pickups=PickupTerms(self.handover, self.max_size, own, self.people, self.presets),
            ),
            BatchEncryptor(Encryptor(self.engine, "relay.example")),
            Deliverer(hop),
            Notifier(NOTICES, hop),
            audit,
            pickups=Pickups(
                engine=self.engine,
                service=self.service,
                register=self.register,
                presets=self.presets,
                people=self.people,
                handover=CodeHandover(self.hook if self.handover is Handover.HOOK else None, LETTERS, hop),
                letters=LETTERS,
                next_hop=hop,
                language="fr",
                keep=3600.0,
                answers=True,
            ),
            shadow=self.shadow,
        )

    async def run(self, mail: Inbound) -> list[int]:
        attempt = self.pipeline.begin(mail)
        told = await attempt.replies()
        await attempt.settle(delivered=True)
        return [reply.code for reply in told]

    def letters(self, to: str) -> list[EmailMessage]:
        sent = [c for envelope, c in self.outlet.sent if [r.address.text for r in envelope.recipients] == [to]]
        return [message_from_bytes(content, policy=policy.default) for content in sent]

    @property
    def actions(self) -> list[str]:
        return [record.action for record in self.trail.records]


def text(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r", "")


def code_in(mail: EmailMessage) -> str:
    (code,) = re.findall(r"^ {8}(\S+)$", text(mail), re.MULTILINE)
    return str(code)


def link_in(mail: EmailMessage) -> str:
    return str(re.findall(rf"{URL}/m/([0-9a-f]{{32}})", text(mail))[0])


async def test_a_mail_without_key_lies_locked_on_the_page_and_its_code_goes_another_way() -> None:
    site = Site()

    assert await site.run(inbound(PATIENT)) == [250]

    (letter,), (notice,) = site.letters(PATIENT), site.letters(DOCTOR)
    id_, code = link_in(letter), code_in(notice)
    assert site.engine.codes == [code]
    assert site.service.shown == {id_} == set(site.service.stored)
    assert site.register.rows[id_].state is PickupState.ACTIVE
    assert site.actions == ["pickup"]
    order = [[r.address.text for r in envelope.recipients] for envelope, _ in site.outlet.sent]
    assert order == [[DOCTOR], [PATIENT]]


async def test_nothing_of_the_mail_and_no_code_stands_in_the_recipients_letter() -> None:
    site = Site()
    await site.run(inbound(PATIENT))

    ((_, notice), (envelope, letter)) = site.outlet.sent
    assert envelope.sender == Address(DOCTOR)
    assert b"canary" not in letter + notice
    assert b"\nbody" not in letter + notice
    assert not quotes_code(letter)
    assert quotes_code(notice)
    read = text(message_from_bytes(letter, policy=policy.default))
    assert "Hôpital Exemple" in read
    assert "«\xa0Le chat dort\xa0»" in read
    assert DOCTOR in read


async def test_what_is_locked_is_the_mail_itself_behind_the_fields_of_the_page() -> None:
    site = Site()
    mail = inbound(PATIENT)
    await site.run(mail)

    (locked,) = site.engine.payloads
    fields = message_from_bytes(locked, policy=policy.default)
    (row,) = site.register.rows.values()
    assert locked.endswith(mail.content)
    assert hashlib.sha256(fields["X-Pickup-Token"].encode()).digest() == row.proof
    assert fields["X-Pickup-Answer-Key"] == "C" * 40
    assert row.size == len(site.service.stored[row.id])


async def test_hidden_recipients_each_have_their_own() -> None:
    site = Site()
    content = f"From: {DOCTOR}\r\nTo: {PATIENT}\r\nBcc: {OTHER}\r\n\r\nx\r\n".encode()

    assert await site.run(inbound(PATIENT, OTHER, content=content)) == [250, 250]

    assert len(set(site.engine.codes)) == len(site.service.shown) == 2
    assert not any(OTHER.encode() in payload for payload in site.engine.payloads)
    assert link_in(site.letters(PATIENT)[0]) != link_in(site.letters(OTHER)[0])
    assert len(site.letters(DOCTOR)) == 1  # one notice, with both codes


async def test_who_has_a_key_gets_an_encrypted_mail_beside_it() -> None:
    site = Site()
    assert await site.run(inbound("keyed@there.example", PATIENT)) == [250, 250]
    assert sorted(site.actions) == ["encrypt", "pickup"]


@pytest.mark.parametrize(
    ("mail", "told"),
    [
        (inbound(PATIENT, sender=None), []),
        (inbound(PATIENT, sender="stranger@here.example"), [450]),
        (inbound(PATIENT, content=b"From: a@here.example\r\nAuto-Submitted: auto-generated\r\n\r\nx\r\n"), []),
        (inbound(Recipient(Address(PATIENT), ("NOTIFY=NEVER",))), []),
    ],
    ids=["null sender", "not ours", "automatic", "never notify"],
)
async def test_where_nobody_could_pass_the_code_on_the_mail_is_held(mail: Inbound, told: list[int]) -> None:
    site = Site()

    assert await site.run(mail) == [450]

    assert site.actions == ["hold"]
    assert not site.service.stored
    assert len(site.outlet.sent) == len(told)  # the notice of a held mail


async def test_a_mail_that_is_too_large_is_refused() -> None:
    site = Site(max_size=10)
    assert await site.run(inbound(PATIENT)) == [250]
    assert site.actions == ["refuse"]
    assert not site.service.stored


async def test_a_code_that_was_given_beforehand_locks_the_mail_and_nobody_is_told_it() -> None:
    site = Site(handover=Handover.PRESET)
    site.presets.codes[PATIENT] = "abeille-moulin-tomate-girafe-violon-tulipe"

    assert await site.run(inbound(PATIENT, OTHER)) == [250, 450]

    assert site.engine.codes == ["abeille-moulin-tomate-girafe-violon-tulipe"]
    assert len(site.letters(PATIENT)) == 1
    assert not any(quotes_code(content) for _, content in site.outlet.sent)


async def test_a_program_hands_the_code_over_also_for_mail_that_a_program_wrote() -> None:
    site = Site(handover=Handover.HOOK)
    assert await site.run(inbound(PATIENT, sender=None)) == [250]
    assert site.hook.handed == [(PATIENT, site.engine.codes[0])]
    assert len(site.outlet.sent) == 1


async def test_a_program_that_fails_leaves_the_mail_unseen_and_waiting() -> None:
    site = Site(handover=Handover.HOOK)
    site.hook.works = False
    assert await site.run(inbound(PATIENT)) == [451]
    assert not site.service.shown
    assert not site.outlet.sent


Break = Callable[[Site], None]
STEPS: dict[str, Break] = {
    "engine": lambda site: setattr(site.engine, "fail", True),
    "row": lambda site: site.register.fails.add("put"),
    "stored": lambda site: site.service.fails.add("put"),
    "code": lambda site: setattr(site.outlet, "answer", lambda e, _c: refusing(e, DOCTOR, NO)),
    "activated": lambda site: site.service.fails.add("activate"),
    "noted": lambda site: site.register.fails.add("activate"),
    "recipient": lambda site: setattr(site.outlet, "answer", lambda e, _c: refusing(e, PATIENT, NO)),
}


def refusing(envelope: Envelope, whom: str, reply: Reply) -> tuple[Reply, ...]:
    ok = Reply(250, "2.0.0", "Ok")
    return tuple(reply if one.address.text == whom else ok for one in envelope.recipients)


@pytest.mark.parametrize("step", STEPS)
async def test_after_a_failure_at_any_step_the_retry_ends_with_one_mail_that_the_last_code_opens(step: str) -> None:
    site = Site()
    STEPS[step](site)
    first = await site.run(inbound(PATIENT))
    shown_early = set(site.service.shown)
    site.engine.fail, site.outlet.answer = False, None
    site.service.fails, site.register.fails = set(), set()
    site.restart()

    assert first == [451]
    assert await site.run(inbound(PATIENT)) == [250]

    assert shown_early <= site.service.shown
    assert len(site.service.stored) == len(site.service.shown) == len(site.register.rows) == 1
    (id_,) = site.service.shown
    last = site.letters(PATIENT)[-1]
    assert link_in(last) == id_
    locked = site.service.stored[id_]
    code = code_in(site.letters(DOCTOR)[-1])
    assert locked == b"locked" + str(site.engine.codes.index(code) + 1).encode()


async def test_a_node_that_stood_still_put_its_pickup_in_the_place_of_the_one_whose_code_another_node_had_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site()
    STEPS["code"](site)
    await site.run(inbound(PATIENT))
    site.outlet.answer = None
    late = site.pipeline.begin(inbound(PATIENT))
    real = site.engine.lock

    async def stands_still(payload: bytes, code: str) -> bytes:
        locked = await real(payload, code)
        monkeypatch.setattr(site.engine, "lock", real)
        late.transaction.is_ours = lambda: False
        site.restart()  # the other node, with locks of its own
        assert await site.run(inbound(PATIENT)) == [250]
        return locked

    monkeypatch.setattr(site.engine, "lock", stands_still)
    assert [reply.code for reply in await late.replies()] == [451]
    await late.settle(delivered=True)

    (id_,) = site.service.shown
    code = code_in(site.letters(DOCTOR)[-1])
    assert site.service.stored[id_] == b"locked" + str(site.engine.codes.index(code) + 1).encode()
    assert site.register.rows[id_].state is PickupState.ACTIVE


async def test_a_turn_lost_at_the_letter_of_a_pickup_was_told_as_a_failure_and_the_next_one_was_begun() -> None:
    site = Site()

    def lost(envelope: Envelope, _content: bytes) -> tuple[Reply, ...]:
        if envelope.recipients[0].address.text == PATIENT:
            raise TurnLost("not ours any more")
        return refusing(envelope, PATIENT, NO)

    site.outlet.answer = lost
    with capture_logs() as logs:
        assert await site.run(inbound(PATIENT, OTHER)) == [451, 451]
    assert [line["event"] for line in logs if line["log_level"] in {"warning", "error"}] == ["turn_lost"]
    assert len(site.service.shown) == 1


async def test_what_can_be_opened_is_announced_again_and_keeps_its_code() -> None:
    site = Site()
    STEPS["recipient"](site)
    await site.run(inbound(PATIENT))
    shown, stored = set(site.service.shown), dict(site.service.stored)
    site.outlet.answer = None

    assert await site.run(inbound(PATIENT)) == [250]

    assert (site.service.shown, site.service.stored) == (shown, stored)
    assert len(site.letters(DOCTOR)) == len(site.engine.codes) == 1


async def test_a_recipient_whom_the_next_hop_refuses_bounces_and_the_mail_is_gone() -> None:
    site = Site()
    site.outlet.answer = lambda envelope, _c: refusing(envelope, PATIENT, NEVER)
    assert await site.run(inbound(PATIENT)) == [550]
    assert not site.service.stored


@pytest.mark.parametrize("where", [PATIENT, "keyed@there.example"])
async def test_a_mail_that_quotes_a_code_does_not_leave(where: str) -> None:
    site = Site()
    content = b"From: a@here.example\r\n\r\nLe code : " + codes.new("fr").encode() + b"\r\n"
    assert await site.run(inbound(where, content=content)) == [250]
    assert site.actions == ["refuse"]
    assert [e.recipients[0].address.text for e, _ in site.outlet.sent] == [DOCTOR]


async def test_inside_a_code_may_be_quoted() -> None:
    site = Site()
    site.lookups.answers["nurse@here.example"] = found("nurse@here.example")  # type: ignore[index]  # a dict here
    content = b"From: a@here.example\r\n\r\nLe code : " + codes.new("fr").encode() + b"\r\n"
    assert await site.run(inbound("nurse@here.example", content=content)) == [250]
    assert site.actions == ["encrypt"]


async def test_our_notice_with_a_code_does_not_leave_by_a_forwarding_address() -> None:
    site = Site()
    await site.run(inbound(PATIENT))
    ((_, notice), *_) = site.outlet.sent
    assert await site.run(inbound("me@outside.example", sender=None, content=notice)) == [550]


async def test_in_shadow_mode_it_is_only_traced() -> None:
    site = Site(shadow=True)
    mail = inbound(PATIENT)
    assert await site.run(mail) == [250]
    assert (site.actions, site.service.stored, site.register.rows) == (["pickup"], {}, {})
    assert [content.endswith(mail.content) for _, content in site.outlet.sent] == [True]
