from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from relay.model.errors import EngineError
from relay.openpgp import home


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_folder_that_is_not_there_is_made_for_us_alone(tmp_path: Path) -> None:
    home.prepare(tmp_path / "a" / "keyring")
    assert mode(tmp_path / "a" / "keyring") == 0o700
    assert (tmp_path / "a" / "keyring" / "gpg.conf").read_bytes() == home.OPTIONS.read_bytes()
    assert "auto-expand-secmem" in (tmp_path / "a" / "keyring" / "gpg-agent.conf").read_text().splitlines()


def test_a_fresh_clone_s_folder_is_tightened(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("x")
    (tmp_path / "gpg.conf").write_text("x")
    tmp_path.chmod(0o755)
    home.prepare(tmp_path)
    assert mode(tmp_path) == 0o700
    assert (tmp_path / "gpg.conf").read_text() == "x"


@pytest.mark.parametrize("name", ["private-keys-v1.d", "pubring.kbx", "relay.sqlite", "something else"])
@pytest.mark.parametrize("open_to", [0o710, 0o701, 0o740, 0o755])
def test_one_that_holds_something_and_is_open_is_refused(tmp_path: Path, name: str, open_to: int) -> None:
    (tmp_path / name).touch()
    tmp_path.chmod(open_to)
    with pytest.raises(EngineError, match="chmod 700"):
        home.prepare(tmp_path)
    assert mode(tmp_path) == open_to


def test_one_that_holds_something_and_is_closed_is_fine(tmp_path: Path) -> None:
    (tmp_path / "private-keys-v1.d").mkdir()
    tmp_path.chmod(0o700)
    home.prepare(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "keyring").touch()
    with pytest.raises(EngineError, match="not a folder"):
        home.prepare(tmp_path / "keyring")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="cannot be used"):
        home.prepare(tmp_path / "file" / "keyring")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_user_s_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, -1)
    with pytest.raises(
        EngineError, match=r"belongs to #12345, and this runs as root: give the folder to root: "
    ) as told:
        home.prepare(folder)
    subprocess.run(shlex.split(str(told.value).rpartition(": ")[2]), check=True)
    home.prepare(folder)


def test_a_short_path_stays_as_it_is(tmp_path: Path) -> None:
    short = Path("/tmp/x")  # noqa: S108  only its length counts
    assert home.reachable(short) == short
    assert home.reachable(Path("x")).is_absolute()
    assert home.reachable(tmp_path / ("x" * 150)).resolve() == tmp_path / ("x" * 150)


def test_a_link_that_was_cleared_out_of_the_temporary_folder_is_made_anew(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 150)
    long.mkdir()
    first = home.reachable(long)
    assert home.reachable(long) == first
    first.unlink()
    second = home.reachable(long)
    assert second != first
    assert second.resolve() == long


def test_a_stranger_s_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    long = tmp_path / ("y" * 150)
    first = home.reachable(long)
    first.unlink()
    first.symlink_to("/nowhere")
    assert home.reachable(long).resolve() == long


def test_a_temporary_folder_with_a_long_path_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = tmp_path / ("t" * 100)
    far.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(far))
    assert home.reachable(tmp_path / ("z" * 150)).resolve() == tmp_path / ("z" * 150)
    assert list(far.iterdir()) == []


def test_no_temporary_folder_at_all_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(EngineError, match="temporary folder"):
        home.reachable(tmp_path / ("z" * 149))
