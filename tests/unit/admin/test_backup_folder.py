"""A folder of backups: which stay, which go, and that nothing else in it is touched."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.admin.backup import folder
from relay.admin.backup.folder import FEWEST, MOST
from relay.model.errors import BackupError

NOW = datetime(2026, 12, 1, 3, 17, tzinfo=UTC)
DAYS = 14


def place(where: Path, *ages: timedelta) -> list[Path]:
    files = [folder.target(where, NOW - age) for age in ages]
    for file in files:
        file.write_bytes(b"backup")
    return files


def nights(count: int) -> list[timedelta]:
    return [timedelta(days=number) for number in range(count)]


def test_a_name_tells_the_second_in_utc() -> None:
    assert folder.target(Path("/b"), NOW) == Path("/b/pgp-relay-20261201T031700Z.tar")


def test_those_older_than_the_days_go(tmp_path: Path) -> None:
    files = place(tmp_path, *nights(30))
    assert folder.thin(files[0], NOW, DAYS) == 30 - 15
    assert sorted(tmp_path.iterdir()) == sorted(files[: DAYS + 1])


def test_a_clock_years_ahead_leaves_the_newest(tmp_path: Path) -> None:
    files = place(tmp_path, *nights(30))
    later = NOW + timedelta(days=4000)
    (new,) = place(tmp_path, NOW - later)
    folder.thin(new, later, DAYS)
    assert sorted(tmp_path.iterdir()) == sorted([new, *files[:FEWEST]])


def test_a_clock_years_behind_leaves_the_backup_just_made(tmp_path: Path) -> None:
    place(tmp_path, *nights(MOST + 20))
    (new,) = place(tmp_path, timedelta(days=4000))
    folder.thin(new, NOW - timedelta(days=4000), DAYS)
    assert new.exists()


def test_no_more_than_the_most_stay_however_young(tmp_path: Path) -> None:
    files = place(tmp_path, *(timedelta(minutes=number) for number in range(MOST + 5)))
    assert folder.thin(files[0], NOW, DAYS) == 5
    assert sorted(tmp_path.iterdir()) == sorted(files[:MOST])


def test_nothing_but_a_backup_of_that_name_goes(tmp_path: Path) -> None:
    new, *_ = place(tmp_path, *nights(FEWEST + 1))
    outside = tmp_path.with_name("outside.tar")
    outside.write_bytes(b"")
    old = folder.target(tmp_path, NOW - timedelta(days=999))
    others = ["backup-monday.tar", "pgp-relay-20200101T000000Z.tar.gpg", "pgp-relay-20209999T000000Z.tar", "x"]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    old.symlink_to(outside)
    folder.target(tmp_path, NOW - timedelta(days=998)).mkdir()
    before = sorted(tmp_path.iterdir())
    assert folder.thin(new, NOW, DAYS) == 0
    assert sorted(tmp_path.iterdir()) == before
    assert outside.exists()


def test_what_an_interrupted_backup_left_goes_after_a_day(tmp_path: Path) -> None:
    for name, age in {".pgp-relay-old": 2 * 86400, ".pgp-relay-new": 60, "kept": 2 * 86400}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "store.db").write_bytes(b"pages")
        os.utime(tmp_path / name, (NOW.timestamp() - age,) * 2)
    folder.sweep(tmp_path, NOW)
    assert sorted(found.name for found in tmp_path.iterdir()) == [".pgp-relay-new", "kept"]


def test_a_folder_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="cannot be removed"):
        folder.thin(tmp_path / "none" / "b.tar", NOW, DAYS)
