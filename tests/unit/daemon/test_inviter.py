"""Who is invited to give a key, and what becomes of an invitation that cannot leave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from lab.synthetic import NOW, certificate

from relay.daemon.enrolment.inviter import Inviter
from relay.daemon.enrolment.service_mail import ServiceMail
from relay.keys.stored import StoredKeys
from relay.mail.enrolment_letters import EnrolmentLetters
from relay.mail.notice_texts import Language
from relay.model import Address, Certificate, Found, Lookup, Mailbox, NotFound, Origin, Outage, Reply, Unusable, Why
from relay.model.enrolment import Budget
from relay.model.errors import NextHopError
from relay.store import Store

BOB = Address("bob@ville.example")
LETTERS = EnrolmentLetters(
    Language.EN, Mailbox.parse("postmaster@hopital.example"), "Hospital", "relay.example", "", BOB
)


@dataclass
class Post:
    """Sends nothing."""

    answer: Reply | None = field(default_factory=lambda: Reply(250, "2.0.0", "Ok"))
    sent: list[Address] = field(default_factory=list)

    async def send(self, to: Address, content: bytes, certificate: Certificate | None = None) -> Reply:
        del content, certificate
        if self.answer is None:
            raise NextHopError("down")
        self.sent.append(to)
        return self.answer


@dataclass
class Known:
    lookup_: Lookup = field(default_factory=lambda: NotFound("keyring"))

    async def lookup(self, address: Address) -> Lookup:
        del address
        return self.lookup_


@dataclass
class Bench:
    store: Store
    post: Post = field(default_factory=Post)
    known: Known = field(default_factory=Known)

    async def ask(self, text: str = BOB.text) -> bool:
        inviter = Inviter(
            cast(StoredKeys, self.known),
            self.store.invitations,
            LETTERS,
            cast(ServiceMail, self.post),
            frozenset({"hopital.example"}),
            Budget(9, 9, 9),
        )
        return await inviter.ask(Address(text))


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Bench]:
    async with await Store.open(tmp_path / "s.db", clock=lambda: NOW) as store:
        yield Bench(store)


async def test_who_was_invited_this_week_has_been_asked_and_gets_no_other_one(at: Bench) -> None:
    assert [await at.ask(), await at.ask()] == [True, True]
    assert at.post.sent == [BOB]


async def test_an_invitation_that_cannot_leave_was_none_and_leaves_with_the_next_round(at: Bench) -> None:
    at.post.answer = None
    assert not await at.ask()
    at.post.answer = Reply(451, "4.3.0", "later")
    assert not await at.ask()
    at.post.answer = Reply(250, "2.0.0", "Ok")
    assert await at.ask()


async def test_one_that_the_next_hop_refuses_is_not_tried_again_and_again(at: Bench) -> None:
    at.post.answer = Reply(550, "5.1.1", "No such user")
    assert not await at.ask()
    await at.ask()
    assert at.post.sent == [BOB]


@pytest.mark.parametrize(
    "text", ["dr@hopital.example", "noreply@ville.example", "a%b@ville.example", "bob@[192.0.2.1]", "postmaster"]
)
async def test_nobody_of_ours_no_machine_and_no_doubtful_address_is_asked(at: Bench, text: str) -> None:
    assert not await at.ask(text)
    assert at.post.sent == []


KEY = certificate("k", BOB.text)


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        (Found(KEY, Origin.WKD, "wkd", "wkd"), False),
        (Found(KEY, Origin.HARVESTED, "keyring", "keyring"), True),
        (Unusable(Why.EXPIRED, KEY.fingerprint, Origin.ENROLLED, "keyring"), True),
        (Outage("keyring", "down"), False),
    ],
    ids=["a key", "one that came with mail", "an expired one", "not known now"],
)
async def test_who_has_a_key_that_is_used_is_not_asked(at: Bench, known: Lookup, asked: bool) -> None:
    at.known.lookup_ = known
    assert await at.ask() is asked
