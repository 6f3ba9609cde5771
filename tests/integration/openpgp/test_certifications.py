"""Which user ids another key certifies, with certifications that real GnuPG made, as either engine's examiner says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.certificates import make_keypair
from lab.gnupghome import generate, gnupg_home, gpg

from relay.model import Address
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.sequoia import SequoiaExaminer
from relay.pipeline.ports import Examiner

BOB = Address("bob@ville.example")
NOBODY: frozenset[Address] = frozenset()


@dataclass
class Partner:
    """A partner's GnuPG, with its organisation's key."""

    home: Path
    authority: str

    def key(self, user_id: str = "Bob <bob@ville.example>") -> str:
        return generate(self.home, user_id)

    def sign(self, fingerprint: str, *options: str, user_id: str = "", verb: str = "--quick-sign-key") -> None:
        words = ("--yes", *options, "--local-user", self.authority, verb, fingerprint)
        gpg(self.home, *words, *([user_id] if user_id else []))

    def public(self, fingerprint: str) -> bytes:
        return gpg(self.home, "--export", fingerprint).stdout


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with gnupg_home() as home:
        yield Partner(home, generate(home, "Partner <partner@ville.example>"))


@pytest.fixture(params=[GnuPGExaminer, SequoiaExaminer])
def examiner(request: pytest.FixtureRequest) -> Examiner:
    make: Callable[[], Examiner] = request.param
    return make()


async def certified(examiner: Examiner, partner: Partner, fingerprint: str) -> frozenset[Address]:
    return await examiner.certified_by(partner.public(fingerprint), partner.public(partner.authority))


async def test_a_certification_counts_for_the_user_id_that_it_is_on(examiner: Examiner, partner: Partner) -> None:
    bob = partner.key()
    gpg(partner.home, "--quick-add-uid", bob, "Bob <bob@other.example>")
    assert await certified(examiner, partner, bob) == NOBODY
    partner.sign(bob, user_id="Bob <bob@ville.example>")
    assert await certified(examiner, partner, bob) == {BOB}


@pytest.mark.parametrize(
    "options",
    [("--default-cert-expire", "20200101T000000"), ("--default-cert-level", "1")],
    ids=["expired", "of a persona"],
)
async def test_one_that_has_expired_or_looked_at_nobody_does_not_count(
    examiner: Examiner, partner: Partner, options: tuple[str, ...]
) -> None:
    bob = partner.key()
    at = ("--faked-system-time", "20191201T000000!") if "expire" in options[0] else ()
    if at:
        bob = generate(partner.home, "Old <bob@ville.example>", at="20191101T000000!")
        old = generate(partner.home, "Old partner <partner@ville.example>", at="20191101T000000!")
        partner = Partner(partner.home, old)
    partner.sign(bob, *options, *at)
    assert await certified(examiner, partner, bob) == NOBODY


async def test_one_that_was_revoked_does_not_count(examiner: Examiner, partner: Partner) -> None:
    bob = partner.key()
    partner.sign(bob)
    assert await certified(examiner, partner, bob) == {BOB}
    partner.sign(bob, user_id=partner.authority, verb="--quick-revoke-sig")
    assert await certified(examiner, partner, bob) == NOBODY


async def test_one_by_somebody_else_or_changed_on_the_way_does_not_count(examiner: Examiner, partner: Partner) -> None:
    bob = partner.key()
    partner.sign(bob)
    stranger = make_keypair("<partner@ville.example>")
    assert await examiner.certified_by(partner.public(bob), stranger.public) == NOBODY
    other = partner.key("Eve <eve@ville.example>")
    grafted = partner.public(bob).replace(b"Bob <bob@ville.example>", b"Eve <eve@ville.example>")
    assert await examiner.certified_by(grafted, partner.public(partner.authority)) == NOBODY
    assert await certified(examiner, partner, other) == NOBODY
