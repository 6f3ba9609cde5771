"""Which mails give keys, and when a key is confirmed. Pure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model import Address
from relay.model.harvest import CarriedKey, Outcome, Sighting
from relay.policy.dkim_coverage import Coverage, Uncovered
from relay.policy.harvest import DAY, Mail, Witness, next_step, witness

BOB = Address("bob@ville.example")
COVERED = Coverage("ville.example", frozenset({"from", "autocrypt"}), frozenset({"b"}))
GOOD = Mail(BOB, foreign=True, listed=False, automatic=False, coverage=COVERED, date=1e9, received=1e9 + DAY)


@pytest.mark.parametrize("field", ["", "autocrypt"])
def test_a_mail_that_a_person_wrote_and_the_domain_signed_gives_its_keys(field: str) -> None:
    assert witness(GOOD, field) == Witness(BOB, 1e9, COVERED)


@pytest.mark.parametrize(
    ("mail", "why"),
    [
        (replace(GOOD, author=None, foreign=False), Outcome.NO_AUTHOR),
        (replace(GOOD, foreign=False), Outcome.OWN),
        (replace(GOOD, listed=True), Outcome.LIST),
        (replace(GOOD, automatic=True), Outcome.AUTOMATIC),
        (replace(GOOD, coverage=replace(COVERED, fields=frozenset({"from"}))), Outcome.NOT_COVERED),
        (replace(GOOD, date=None), Outcome.DATE),
        (replace(GOOD, received=None), Outcome.DATE),
        (replace(GOOD, date=1e9 - 1), Outcome.DATE),
        (replace(GOOD, date=1e9 + 2 * DAY + 1), Outcome.DATE),
        *((replace(GOOD, coverage=one), Outcome(one.value)) for one in Uncovered),
    ],
)
def test_each_condition_by_itself_is_needed(mail: Mail, why: Outcome) -> None:
    assert witness(mail, "autocrypt") is why
    assert witness(mail) is why or why is Outcome.NOT_COVERED


def test_where_the_body_carries_it_the_field_need_not_be_covered() -> None:
    assert isinstance(witness(replace(GOOD, coverage=replace(COVERED, fields=frozenset()))), Witness)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 100)), max_size=30))
def test_whatever_mails_come_a_key_is_confirmed_by_two_that_are_a_day_apart_and_in_their_order(
    mails: list[tuple[int, int]],
) -> None:
    known: Sighting | None = None
    counted: list[tuple[int, float]] = []
    for signature, hours in mails:
        date = hours * 3600.0
        key = CarriedKey(BOB, b"", "ville.example", date, frozenset({str(signature)}))
        outcome, sighting = next_step(known, known.latest if known else None, key)
        if outcome is None:
            assert known is not None
            assert date - known.first >= DAY
            assert all(date > earlier for _, earlier in counted), "dates went back"
            begun = next(one for one, earlier in counted if earlier == known.first)
            assert begun != signature, "one mail confirmed itself"
        if sighting:
            known = sighting
            counted.append((signature, date))
