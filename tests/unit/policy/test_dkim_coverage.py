"""What a DKIM signature covers, if our MX says that it holds: each doubt leaves nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relay.model.dkim import DkimEvidence, DkimResult, DkimSignature
from relay.policy.dkim_coverage import Coverage, Uncovered, coverage, is_aligned

SIGNED = DkimSignature("ville.example", "s1", "abcdefgh123", frozenset({"from", "date", "autocrypt"}), limited=False)
PASS = DkimResult(passed=True, domain="ville.example", selector="s1", begins="abcdefgh")
LIMITED = replace(SIGNED, limited=True)
SHORT = replace(SIGNED, fields=frozenset({"from"}))
FAIL = replace(PASS, passed=False)


def public(domain: str) -> bool:
    return domain in {"example", "co.example"}


def of(*results: DkimResult, signatures: tuple[DkimSignature, ...] | None = (SIGNED,)) -> Coverage | Uncovered:
    return coverage(DkimEvidence(results, signatures), "ville.example", public)


def test_an_aligned_signature_that_holds_covers_the_body_and_the_fields_that_it_names() -> None:
    found = of(PASS)
    assert found == Coverage("ville.example", SIGNED.fields, frozenset({"abcdefgh123"}))
    assert isinstance(found, Coverage)
    assert found.covers("autocrypt")
    assert not found.covers("subject")


@pytest.mark.parametrize(
    ("results", "signatures", "why"),
    [
        ((), (SIGNED,), Uncovered.UNSIGNED),
        ((FAIL,), (SIGNED,), Uncovered.UNSIGNED),
        ((replace(PASS, domain="evil.example"),), (SIGNED,), Uncovered.UNALIGNED),
        ((replace(PASS, domain="evil.example"), FAIL), (SIGNED,), Uncovered.UNALIGNED),
        ((PASS,), None, Uncovered.FAILED),
        ((PASS,), (), Uncovered.FAILED),
        ((PASS, replace(FAIL, begins="zzz")), (SIGNED,), Uncovered.FAILED),
        ((PASS,), (replace(SIGNED, value="other"),), Uncovered.FAILED),
        ((PASS,), (replace(SIGNED, selector="s2"),), Uncovered.FAILED),
        ((PASS,), (replace(SIGNED, domain="evil.example"),), Uncovered.FAILED),
        ((PASS,), (LIMITED,), Uncovered.LIMITED),
        ((replace(PASS, begins="", selector=""),), (SIGNED, LIMITED), Uncovered.LIMITED),
    ],
)
def test_each_doubt_leaves_nothing(
    results: tuple[DkimResult, ...], signatures: tuple[DkimSignature, ...] | None, why: Uncovered
) -> None:
    assert of(*results, signatures=signatures) is why


def test_where_a_result_may_be_about_two_signatures_only_what_both_cover_counts() -> None:
    found = of(replace(PASS, begins="", selector=""), signatures=(SIGNED, SHORT))
    assert isinstance(found, Coverage)
    assert found.fields == {"from"}


def test_of_two_signatures_that_hold_either_may_cover_a_field() -> None:
    other = replace(SHORT, selector="s2", value="zyx")
    found = of(PASS, replace(PASS, selector="s2", begins="zyx"), signatures=(SIGNED, other))
    assert isinstance(found, Coverage)
    assert found.covers("autocrypt")
    assert found.signatures == {"abcdefgh123", "zyx"}


@pytest.mark.parametrize(
    ("signing", "author", "aligned"),
    [
        ("ville.example", "ville.example", True),
        ("ville.example", "mail.ville.example", True),
        ("mail.ville.example", "ville.example", False),
        ("co.example", "ville.co.example", False),
        ("example", "ville.example", False),
        ("ville.example", "autreville.example", False),
        ("", "", False),
        ("", "ville.example", False),
    ],
)
def test_a_domain_speaks_for_itself_and_for_those_below_it(signing: str, author: str, aligned: bool) -> None:
    assert is_aligned(signing, author, public) is aligned
