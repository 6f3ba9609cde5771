from __future__ import annotations

import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from relay.model import Address
from relay.model.errors import OwnError
from relay.model.own import OwnKey, OwnState, OwnSubkey
from relay.own import wkd_tree
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


@pytest.mark.parametrize("name", ["example.org", "example.org/hu"])
def test_files_behind_a_link_in_the_place_of_a_folder_were_deleted(tmp_path: Path, name: str) -> None:
    elsewhere, tree = tmp_path / "cron.d", tmp_path / "tree"
    for folder in (elsewhere / "hu", tree / "first.example", (tree / name).parent):
        folder.mkdir(parents=True, exist_ok=True)
    for kept in (elsewhere / "job", elsewhere / "hu" / "job"):
        kept.touch()
    (tree / name).symlink_to(elsewhere)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OwnError, match=f"{name} is a symbolic link.*: nothing was written"):
        write(tree, ["first.example", "example.org"], {HASH: b"joe"})
    assert sorted(tmp_path.rglob("*")) == before
    assert sorted(path.name for path in elsewhere.rglob("*")) == ["hu", "job", "job"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders of others")
@pytest.mark.parametrize("name", ["example.org", "example.org/hu"])
def test_root_wrote_into_a_folder_that_another_user_could_turn_into_a_link(tmp_path: Path, name: str) -> None:
    write(tmp_path, ["example.org"], {HASH: b"joe"})
    os.chown(tmp_path / name, pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(OwnError, match=f"{name} is not root's.*nothing was written"):
        write(tmp_path, ["first.example", "example.org"], {})
    assert [path.name for path in tmp_path.iterdir()] == ["example.org"]
    assert (tmp_path / HASH).read_bytes() == b"joe"


def test_a_link_that_comes_while_the_tree_is_written_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, tree = tmp_path / "cron.d", tmp_path / "tree"
    elsewhere.mkdir()
    (elsewhere / "job").touch()
    (tree / "example.org" / "hu").mkdir(parents=True)

    def replaced(*_: object) -> None:
        (tree / "example.org" / "hu").rmdir()
        (tree / "example.org" / "hu").symlink_to(elsewhere)

    monkeypatch.setattr(wkd_tree, "_replace", replaced)  # of the policy, the step before
    with pytest.raises(OwnError, match="cannot be written: Not a directory"):
        write(tree, ["example.org"], {HASH: b"joe"})
    assert [path.name for path in elsewhere.iterdir()] == ["job"]
