"""The table of the harvest: each condition violated once, with real DKIM signatures and a real verifier before it.

dkimpy signs, OpenDKIM verifies as a milter against a name server, GnuPG judges the keys, SQLite keeps them.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from pathlib import Path

import pytest
from lab.certificates import Keypair, make_keypair
from lab.correspondent import Correspondent
from lab.opendkim import COVERED, Dkim

from relay.keys.harvesting import Harvesting
from relay.keys.judging_limits import HourlyLimit
from relay.keys.keyring import Keyring
from relay.keys.merge_policy import MergePolicy
from relay.mail import armor
from relay.model import Address, Certificate, Entry, Origin
from relay.model.enrolment import Budget
from relay.model.harvest import Outcome
from relay.model.key_change import KeyChange
from relay.openpgp.examiner import GnuPGExaminer
from relay.pipeline import letter
from relay.pipeline.harvest import KeyReader
from relay.policy.harvest import next_step
from relay.store import Selection, Store

MX = "mx.hopital.example"
BOB = Address("bob@ville.example")
EXAMINER = GnuPGExaminer()
HOUR, DAY = 3600.0, 86400.0
READER = KeyReader(frozenset({"autocrypt", "attached"}), frozenset({"hopital.example"}), MX)


@pytest.fixture(scope="module")
def dkim() -> Iterator[Dkim]:
    with Dkim("ville.example", "evil.example", "hopital.example", authserv_id=MX) as made:
        yield made


@pytest.fixture(scope="module")
def key() -> Keypair:
    return make_keypair(f"Bob <{BOB}>")


def autocrypt(data: bytes, address: str = BOB.text) -> str:
    digits = b64encode(data).decode()
    folds = "\r\n ".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"Autocrypt: addr={address}; prefer-encrypt=mutual; keydata=\r\n {folds}"


@dataclass(frozen=True)
class Sent:
    """A mail, and what is wrong with it."""

    fields: tuple[str, ...] = ()
    body: bytes = b"Bonjour\r\n"
    author: str = "From: Bob <bob@ville.example>"
    signer: str | None = "ville.example"
    covered: tuple[str, ...] = COVERED
    length: bool = False
    sender: Address | None = BOB
    above: bytes = b""
    """On the way, above what was signed."""
    on_the_way: Callable[[bytes], bytes] = lambda mail: mail
    late: float = 0.0
    """Seconds from its Date until our MX has it."""

    def mail(self, date: float, number: int) -> bytes:
        lines = (self.author, "To: dr@hopital.example", f"Subject: {number}", f"Date: {formatdate(date)}", *self.fields)
        return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + self.body


@dataclass
class Site:
    dkim: Dkim
    store: Store
    time: float
    instead_of_clear: bool = False
    number: int = 0
    last: bytes = field(default=b"", repr=False)

    async def receive(self, sent: Sent, date: float | None = None) -> list[Outcome]:
        """What becomes of the keys of a mail of this Date (now), that comes in at the MX."""
        self.number += 1
        date = self.time if date is None else date
        mail = sent.mail(date, self.number)
        mail = self.dkim.signed(mail, sent.signer, covered=sent.covered, length=sent.length) if sent.signer else mail
        return await self.deliver(sent.above + sent.on_the_way(mail), date + sent.late, sent.sender)

    async def deliver(self, mail: bytes, at: float, sender: Address | None = BOB) -> list[Outcome]:
        received = f"Received: from out.example by {MX} (Postfix) with ESMTPS id 4X;\r\n\t{formatdate(at)}\r\n".encode()
        self.last = mail
        content = self.dkim.results(mail) + received + mail
        found = READER.read(content, letter.read(content, MX), sender)
        harvesting = Harvesting(
            self.store.certificates,
            self.store.sightings,
            EXAMINER,
            MergePolicy(self.store.certificates, EXAMINER),
            Keyring(self.store.certificates, clock=lambda: self.time),
            next_step,
            HourlyLimit(Budget(9, 9, 9)),
            instead_of_clear=self.instead_of_clear,
            clock=lambda: self.time,
        )
        return [one if isinstance(one, Outcome) else await harvesting.take(one) for one in found]

    async def twice(self, sent: Sent) -> list[Outcome]:
        """Now, and 25 hours later."""
        first = await self.receive(sent)
        self.time += 25 * HOUR
        return [*first, *await self.receive(sent)]

    async def imported(self, data: bytes) -> None:
        (read,) = await EXAMINER.examine([data])
        assert isinstance(read, Certificate)
        await self.store.certificates.upsert([Entry(read, Origin.IMPORTED, 1)])

    async def entries(self) -> dict[str, tuple[Origin, bool]]:
        found = await self.store.certificates.by_address(BOB)
        return {entry.certificate.fingerprint: (entry.origin, entry.proposed) for entry in found}


@pytest.fixture
async def site(tmp_path: Path, dkim: Dkim) -> AsyncIterator[Site]:
    made: list[Site] = []
    async with await Store.open(tmp_path / "s.db", clock=lambda: made[0].time) as store:
        made.append(Site(dkim, store, time.time()))
        yield made[0]


async def test_a_key_that_two_mails_a_day_apart_brought_waits_for_an_administrator(site: Site) -> None:
    pair = make_keypair(f"Bob <{BOB}>", "Boss <boss@ville.example>")
    assert await site.twice(Sent((autocrypt(pair.public),))) == [Outcome.NOTED, Outcome.PROPOSED]
    assert await site.entries() == {pair.fingerprint: (Origin.HARVESTED, True)}
    assert await site.store.certificates.by_address(Address("boss@ville.example")) == []
    (waiting,) = await site.store.certificates.proposed(10)
    assert (waiting.dkim_domain, waiting.entry.origin) == ("ville.example", Origin.HARVESTED)
    assert b"boss@" not in waiting.entry.certificate.data


def attached(data: bytes) -> Sent:
    text = armor.enarmor(data, "PUBLIC KEY BLOCK")
    body = b"--b\r\n\r\nBonjour\r\n--b\r\nContent-Type: application/pgp-keys\r\n\r\n" + text + b"--b--\r\n"
    return Sent(("MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"'), body)


def in_the_text(data: bytes) -> Sent:
    return Sent(body=b"Ma cl=C3=A9 :\r\n" + armor.enarmor(data, "PUBLIC KEY BLOCK"))


@pytest.mark.parametrize("form", [attached, in_the_text])
async def test_an_attached_key_and_one_in_the_text_are_taken(
    site: Site, key: Keypair, form: Callable[[bytes], Sent]
) -> None:
    assert await site.twice(form(key.public)) == [Outcome.NOTED, Outcome.PROPOSED]
    assert await site.entries() == {key.fingerprint: (Origin.HARVESTED, True)}


def forged(mail: bytes) -> bytes:
    """Our own identifier, in a field that our MX did not write."""
    return f"Authentication-Results: {MX}; dkim=pass header.d=ville.example\r\n".encode() + mail


def changed(mail: bytes) -> bytes:
    return mail.replace(b"Bonjour", b"Bonsoir")


WITHOUT = tuple(name for name in COVERED if name != "autocrypt")
VIOLATED: dict[str, tuple[Callable[[bytes], Sent], Outcome]] = {
    "a spoofed From": (lambda k: Sent((autocrypt(k),), signer="evil.example"), Outcome.UNALIGNED),
    "a spoofed From, attached": (lambda k: replace(attached(k), signer="evil.example"), Outcome.UNALIGNED),
    "no signature": (lambda k: Sent((autocrypt(k),), signer=None), Outcome.NO_DKIM),
    "a body that was changed": (lambda k: Sent((autocrypt(k),), on_the_way=changed), Outcome.NO_DKIM),
    "an attachment in a body that was changed": (lambda k: replace(attached(k), on_the_way=changed), Outcome.NO_DKIM),
    "a field that is not covered": (lambda k: Sent((autocrypt(k),), covered=WITHOUT), Outcome.NOT_COVERED),
    "a field that was added on the way": (
        lambda k: Sent(on_the_way=lambda mail: autocrypt(k).encode() + b"\r\n" + mail),
        Outcome.NOT_COVERED,
    ),
    "l=": (lambda k: Sent((autocrypt(k),), length=True), Outcome.DKIM_LIMITED),
    "l=, and what was added to the body": (
        lambda k: replace(in_the_text(k), length=True, on_the_way=lambda mail: mail + in_the_text(k).body),
        Outcome.DKIM_LIMITED,
    ),
    "two fields": (lambda k: Sent((autocrypt(k), autocrypt(k))), Outcome.TWO_FIELDS),
    "a field for another address": (lambda k: Sent((autocrypt(k, "eve@ville.example"),)), Outcome.OTHER_ADDRESS),
    "a field that cannot be read": (lambda k: Sent((autocrypt(k[:-9]),)), Outcome.UNREADABLE),
    "two authors": (lambda k: Sent((autocrypt(k), "From: Eve <eve@evil.example>")), Outcome.NO_AUTHOR),
    "a mailing list": (lambda k: Sent((autocrypt(k), "List-Id: <l.ville.example>")), Outcome.LIST),
    "an answer by a program": (lambda k: Sent((autocrypt(k), "Auto-Submitted: auto-replied")), Outcome.AUTOMATIC),
    "bulk mail": (lambda k: Sent((autocrypt(k), "Precedence: bulk")), Outcome.AUTOMATIC),
    "the null sender": (lambda k: Sent((autocrypt(k),), sender=None), Outcome.AUTOMATIC),
    "an envelope sender that could begin a result": (
        lambda k: Sent((autocrypt(k),), sender=Address("b;dkim=pass@ville.example")),
        Outcome.NO_DKIM,
    ),
    "results that are forged": (lambda k: Sent((autocrypt(k),), signer=None, on_the_way=forged), Outcome.NO_DKIM),
    "results that are forged, for a signature of another": (
        lambda k: Sent((autocrypt(k),), signer="evil.example", on_the_way=forged),
        Outcome.UNALIGNED,
    ),
    "a Date of the day before yesterday": (lambda k: Sent((autocrypt(k),), late=25 * HOUR), Outcome.DATE),
    "a Date of the day after tomorrow": (lambda k: Sent((autocrypt(k),), late=-25 * HOUR), Outcome.DATE),
    "two Dates": (lambda k: Sent((autocrypt(k), f"Date: {formatdate(0)}")), Outcome.DATE),
    "an address of ours": (
        lambda k: Sent((autocrypt(k),), author="From: <dr@hopital.example>", signer="hopital.example"),
        Outcome.OWN,
    ),
    "somebody else's key": (lambda _: attached(make_keypair("Eve <eve@evil.example>").public), Outcome.OTHER_ADDRESS),
}


@pytest.mark.parametrize("violation", VIOLATED)
async def test_where_one_condition_is_violated_nothing_is_taken_and_the_reason_is_told(
    site: Site, key: Keypair, violation: str
) -> None:
    made, why = VIOLATED[violation]
    assert await site.twice(made(key.public)) == [why, why]
    assert await site.entries() == {}


async def test_a_result_that_is_written_into_the_identity_of_a_signature_is_not_believed(
    site: Site, key: Keypair
) -> None:
    """OpenDKIM undoes the encoding of `i=` and writes it as it is: results of others, and brackets that hide its own.

    The two true signatures are the attacker's; the third one, of the victim's domain, is made up and does not hold.
    """
    spoofed = Sent((autocrypt(key.public),)).mail(site.time, 1)
    closing = site.dkim.signed(spoofed, "evil.example", identity=")=20x.y=3D@evil.example")
    value = closing.removesuffix(spoofed).partition(b" b=")[2].rstrip()
    made_up = (
        b"DKIM-Signature: v=1; a=rsa-sha256; d=ville.example; s=s1; h=from:date:autocrypt; bh=AAAA; b=%b\r\n" % value
    )
    opening = site.dkim.signed(
        spoofed, "evil.example", identity="a=3B=20dkim=3Dpass=20header.d=3Dville.example=20(@evil.example"
    )
    mail = opening.removesuffix(spoofed) + made_up + closing
    assert b"dkim=pass header.d=ville.example (" in site.dkim.results(mail), "the attack is none here"
    assert await site.deliver(mail, site.time) == [Outcome.DKIM_FAILED]


async def test_less_than_a_day_is_not_enough_and_one_more_mail_a_day_after_the_first_is(
    site: Site, key: Keypair
) -> None:
    sent, begun = Sent((autocrypt(key.public),)), site.time
    assert await site.receive(sent) == [Outcome.NOTED]
    for hours in (1, 20, 23.9):
        assert await site.receive(sent, begun + hours * HOUR) == [Outcome.SOON]
    assert await site.receive(sent, begun + DAY) == [Outcome.PROPOSED]


async def test_dates_go_forward_only_whichever_key_came(site: Site, key: Keypair) -> None:
    older, newer = Sent((autocrypt(key.public),)), Sent((autocrypt(make_keypair(f"<{BOB}>").public),))
    assert await site.receive(newer) == [Outcome.NOTED]
    for earlier in (1, 23 * HOUR):
        assert await site.receive(older, site.time - earlier) == [Outcome.BACKWARD]


async def test_a_mail_that_comes_again_is_no_second_mail_whatever_date_it_shows(site: Site, key: Keypair) -> None:
    covered = tuple(name for name in COVERED if name != "date")
    await site.receive(Sent((autocrypt(key.public),), covered=covered))
    first = formatdate(site.time).encode()
    assert first in site.last
    later = site.time + 25 * HOUR
    again = site.last.replace(first, formatdate(later).encode())
    assert await site.deliver(again, later) == [Outcome.SAME_MAIL]


async def test_a_key_that_cannot_be_used_is_not_taken(site: Site) -> None:
    with Correspondent() as person:
        name = person.new_key(f"Bob <{BOB}>", expires="seconds=1")
        person.gpg("--quick-set-expire", name, "1")  # one day from the clock of this machine: long before the mails
        expired = person.export(name)
    site.time += 400 * DAY
    assert await site.twice(Sent((autocrypt(expired),))) == [Outcome.NOTED, Outcome.UNUSABLE]
    assert await site.entries() == {}


async def test_a_rejected_key_does_not_come_again(site: Site, key: Keypair) -> None:
    await site.twice(Sent((autocrypt(key.public),)))
    assert await site.store.certificates.reject(key.fingerprint)
    site.time += 25 * HOUR
    assert await site.twice(Sent((autocrypt(key.public),))) == [Outcome.REJECTED] * 2


async def test_where_an_administrator_imported_another_it_waits_in_either_use(site: Site, key: Keypair) -> None:
    imported = make_keypair(f"<{BOB}>")
    await site.imported(imported.public)
    site.instead_of_clear = True
    assert await site.twice(Sent((autocrypt(key.public),))) == [Outcome.NOTED, Outcome.PROPOSED]
    assert await site.entries() == {
        imported.fingerprint: (Origin.IMPORTED, False),
        key.fingerprint: (Origin.HARVESTED, True),
    }
    site.time += 25 * HOUR
    assert await site.receive(Sent((autocrypt(imported.public),))) == [Outcome.KNOWN]


async def test_instead_of_cleartext_a_newer_key_takes_the_place_of_the_one_before(site: Site, key: Keypair) -> None:
    site.instead_of_clear = True
    assert await site.twice(Sent((autocrypt(key.public),))) == [Outcome.NOTED, Outcome.USED]
    assert await site.entries() == {key.fingerprint: (Origin.HARVESTED, False)}
    site.time += 25 * HOUR
    assert await site.receive(Sent((autocrypt(key.public),))) == [Outcome.RENEWED]
    site.time += 25 * HOUR
    second = make_keypair(f"<{BOB}>")
    assert await site.twice(Sent((autocrypt(second.public),))) == [Outcome.NOTED, Outcome.USED]
    assert await site.entries() == {second.fingerprint: (Origin.HARVESTED, False)}


async def test_a_later_end_comes_with_a_later_mail_and_nothing_before_a_day_is_over(site: Site) -> None:
    async def end() -> int | None:
        (entry,) = await site.store.certificates.by_address(BOB)
        return entry.certificate.primary.expires

    with Correspondent() as person:
        name = person.new_key(f"Bob <{BOB}>", expires="10y")
        await site.twice(Sent((autocrypt(person.export(name)),)))
        first = await end()
        person.gpg("--quick-set-expire", name, "20y")
        renewed = Sent((autocrypt(person.export(name)),))
    site.time += HOUR
    assert await site.receive(renewed) == [Outcome.SOON]
    assert await end() == first
    site.time += DAY
    assert await site.receive(renewed) == [Outcome.RENEWED]
    later = await end()
    assert first is not None
    assert later is not None
    assert later > first + 300 * DAY


async def test_an_address_has_two_open_proposals_at_most(site: Site) -> None:
    outcomes = []
    for _ in range(4):
        outcomes += await site.twice(Sent((autocrypt(make_keypair(f"<{BOB}>").public),)))
        site.time += 25 * HOUR
    assert outcomes[1::2] == [Outcome.PROPOSED, Outcome.PROPOSED, Outcome.BUDGET, Outcome.BUDGET]
    assert len(await site.entries()) == 2


async def test_every_change_is_a_row_of_the_trace(site: Site, key: Keypair) -> None:
    await site.twice(Sent((autocrypt(key.public),)))
    await site.store.certificates.approve(key.fingerprint, actor="cli:root")
    changes = [KeyChange.of(row) async for row in site.store.trace.select(Selection(keys=True))]
    assert [(one.actor, one.address, one.new, one.reason) for one in changes] == [
        ("harvest", BOB.key, key.fingerprint, "proposed: came with mail"),
        ("cli:root", BOB.key, key.fingerprint, "approved"),
    ]
    assert await site.entries() == {key.fingerprint: (Origin.IMPORTED, False)}
