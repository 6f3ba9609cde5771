"""Which signatures are good: a row for each way in which one is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lab.fakes import certificate

from relay.keys.signers import trusted
from relay.model import Address, Certificate, Entry, Origin, UserId
from relay.model.mark import Signed
from relay.model.opened import Signature, Validity
from relay.model.signers import Signers
from relay.policy.incoming import DAY, Letter, Verdict, best, verdict

DR, EVE = Address("dr.martin@chu.example"), Address("eve@evil.example")
NOW = 1_700_000_000
HERS, EVES = certificate(DR.text, 1), certificate(EVE.text, 2)
OURS = "A" * 40

LETTER = Letter(author=DR, date=NOW, recipients=frozenset({OURS}), at=NOW)
MADE = Signature(HERS.fingerprint, HERS.primary.key_id, NOW, Validity.GOOD)


def entry(made: Certificate, origin: Origin = Origin.IMPORTED, *, proposed: bool = False) -> Entry:
    return Entry(made, origin, 0, proposed=proposed)


def known(*entries: Entry, others: tuple[Entry, ...] = ()) -> Signers:
    return Signers(trusted(entries, DR), others)


TRUSTED = known(entry(HERS))


def changed(**primary: object) -> Signers:
    first = replace(HERS.primary, **primary)  # type: ignore[arg-type]  # fields by name
    return known(entry(replace(HERS, components=(first, *HERS.components[1:]))))


@pytest.mark.parametrize("origin", [Origin.IMPORTED, Origin.WKD, Origin.LDAP])
def test_good(origin: Origin) -> None:
    assert verdict(MADE, LETTER, known(entry(HERS, origin))) == Verdict(Signed.GOOD, DR, HERS.fingerprint)


@pytest.mark.parametrize("away", [DAY, -DAY])
def test_good_within_a_day_and_old_beyond(away: float) -> None:
    assert verdict(MADE, replace(LETTER, date=NOW + away), TRUSTED).signed is Signed.GOOD
    late = verdict(MADE, replace(LETTER, date=NOW + away * 1.0001), TRUSTED)
    assert late == Verdict(Signed.OLD, DR, HERS.fingerprint)


def test_old_without_a_single_date() -> None:
    assert verdict(MADE, replace(LETTER, date=None), TRUSTED) == Verdict(Signed.OLD, DR, HERS.fingerprint)


@pytest.mark.parametrize(
    ("signature", "signers", "expected"),
    [
        (replace(MADE, validity=Validity.BAD), TRUSTED, Signed.BAD),
        (replace(MADE, validity=Validity.EXPIRED), TRUSTED, Signed.BAD),
        (replace(MADE, validity=Validity.REVOKED), TRUSTED, Signed.BAD),
        (replace(MADE, validity=Validity.UNKNOWN, fingerprint=None), TRUSTED, Signed.UNKNOWN),
        (MADE, changed(expires=NOW - 1), Signed.BAD),
        (MADE, changed(revoked=True), Signed.BAD),
        (MADE, changed(valid=False), Signed.BAD),
        (MADE, known(entry(replace(HERS, disabled=True))), Signed.BAD),
        (replace(MADE, intended=("B" * 40,)), TRUSTED, Signed.BAD),
        (replace(MADE, intended=("B" * 40, OURS)), TRUSTED, Signed.GOOD),
        (MADE, Signers(), Signed.UNKNOWN),
        (MADE, known(entry(HERS, proposed=True)), Signed.UNKNOWN),
        (MADE, known(others=(entry(HERS, proposed=True),)), Signed.UNKNOWN),
    ],
)
def test_what_is_not_good(signature: Signature, signers: Signers, expected: Signed) -> None:
    found = verdict(signature, LETTER, signers)

    assert found.signed is expected
    assert bool(found.signer) is (expected is Signed.GOOD)


def test_a_good_signature_by_another_trusted_key() -> None:
    eves = replace(MADE, fingerprint=EVES.fingerprint)

    assert verdict(eves, LETTER, known(others=(entry(EVES),))) == Verdict(Signed.OTHER, EVE, EVES.fingerprint)
    assert verdict(eves, replace(LETTER, author=EVE), known(others=(entry(EVES),))).signed is not Signed.GOOD


def test_without_a_single_author_nothing_is_good() -> None:
    nobody = replace(LETTER, author=None)

    assert verdict(MADE, nobody, TRUSTED).signed is Signed.UNKNOWN
    found = verdict(MADE, nobody, known(others=(entry(HERS),)))
    assert found == Verdict(Signed.OTHER, DR, HERS.fingerprint)


def test_a_key_that_only_claims_the_address_is_no_other_one_of_it() -> None:
    """A directory brought it, and an administrator imported another."""
    claims = replace(EVES, user_ids=HERS.user_ids)

    assert trusted([entry(HERS), entry(claims, Origin.WKD)], DR) == (entry(HERS),)
    signers = known(entry(HERS), others=(entry(claims, Origin.WKD),))
    assert verdict(replace(MADE, fingerprint=claims.fingerprint), LETTER, signers).signed is Signed.UNKNOWN


def test_an_approved_one_counts_beside_an_imported_one() -> None:
    renewed = entry(replace(EVES, user_ids=HERS.user_ids), Origin.WKD)

    assert trusted([entry(HERS), renewed], DR, {EVES.fingerprint}) == (entry(HERS), renewed)


@pytest.mark.parametrize(
    "user_id",
    [
        UserId("x", DR, revoked=True),
        UserId("x", DR, valid=False),
        UserId("x", None, others=(DR,)),
        UserId("x", Address("dr.martin@chu.example.evil.example")),
        UserId("x", Address("dr.martin@chu.еxample")),  # noqa: RUF001  Cyrillic
        UserId("x", Address("dr.martin%chu.example@evil.example")),
    ],
)
def test_it_is_trusted_for_exactly_that_address(user_id: UserId) -> None:
    assert trusted([entry(replace(HERS, user_ids=(user_id,)))], DR) == ()


def test_one_good_signature_is_enough_and_a_bad_one_is_told_before_others() -> None:
    eves = replace(MADE, fingerprint=EVES.fingerprint)
    bad = replace(MADE, validity=Validity.BAD)
    signers = known(entry(HERS), others=(entry(EVES),))

    assert best([eves, bad, MADE], LETTER, signers).signed is Signed.GOOD
    assert best([eves, bad], LETTER, signers).signed is Signed.BAD
    assert best([eves], LETTER, signers).signed is Signed.OTHER
    assert best([], LETTER, signers) == Verdict()
