from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from relay.model import Address
from relay.model.errors import OwnError
from relay.model.own import OwnKey, OwnState, OwnSubkey
from relay.own.certificates import YEAR
from relay.own.wkd_tree import published, write

NOW = 1_800_000_000.0
JOE = OwnKey(Address("Joe.Doe@Example.ORG"), "F" * 40, b"joe", (OwnSubkey("S" * 40, 1, 2, ""),), 1)
HASH = "example.org/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q"  # the draft's example


def test_an_address_stands_where_the_draft_says() -> None:
    assert published([JOE], NOW) == {HASH: b"joe"}


def test_addresses_with_one_hash_stand_in_one_file() -> None:
    upper = replace(JOE, address=Address("JOE.DOE@example.org"), data=b"upper")
    assert published([JOE, upper], NOW) == {HASH: b"joeupper"}


def test_an_unlisted_one_is_left_out() -> None:
    assert published([replace(JOE, listed=False)], NOW) == {}


def test_a_removed_one_stays_for_a_year_and_a_revoked_one_for_good() -> None:
    removed = replace(JOE, state=OwnState.REMOVED, changed=round(NOW - YEAR + 60))
    assert published([removed], NOW) == {HASH: b"joe"}
    assert published([removed], NOW + 61) == {}
    assert published([replace(removed, state=OwnState.REVOKED)], NOW + 10 * YEAR) == {HASH: b"joe"}


def test_the_tree_has_a_policy_for_each_domain_and_loses_what_is_published_no_more(tmp_path: Path) -> None:
    write(tmp_path, ["example.org", "empty.example"], {HASH: b"joe", "example.org/hu/old": b"old"})
    write(tmp_path, ["example.org", "empty.example"], {HASH: b"new"})
    files = {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {"example.org/policy": b"", "empty.example/policy": b"", HASH: b"new"}
    assert {p.stat().st_mode & 0o777 for p in tmp_path.rglob("*") if p.is_file()} == {0o644}


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OwnError, match="cannot be written"):
        write(tmp_path / "file", ["example.org"], {})
