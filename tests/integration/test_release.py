"""Wheel and sdist: the same octets from the same commit, and a build that differs is noticed (`.ci/archives`)."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOOK = """
import os, time
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        with open(os.path.join(self.root, "small", "made.py"), "w") as file:
            file.write(f"MADE = {(WHAT)!r}")
        build_data["artifacts"].append("small/made.py")
"""
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "small"
version = "1"
[tool.hatch.build.targets.wheel]
packages = ["small"]
[tool.hatch.build.hooks.custom]
"""

pytestmark = pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling is not installed")


def archives(project: Path, out: Path) -> subprocess.CompletedProcess[str]:
    words: list[str | Path] = ["bash", project / ".ci" / "archives", out]
    environment = {**os.environ, "BUILDER": sys.executable}
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=110, env=environment)


def octets(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def small(folder: Path, what: str) -> Path:
    """A project whose build writes what this Python expression gives."""
    (folder / ".ci").mkdir(parents=True)
    (folder / "small").mkdir()
    shutil.copy(ROOT / ".ci" / "archives", folder / ".ci")
    (folder / "small" / "__init__.py").write_text("")
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "hatch_build.py").write_text(HOOK.replace("WHAT", what))
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", folder, *words], check=True)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("release") / "out"
    done = archives(ROOT, out)
    assert done.returncode == 0, done.stderr[-2000:]
    return out


def test_two_builds_have_the_same_octets(built: Path, tmp_path: Path) -> None:
    assert archives(ROOT, tmp_path).returncode == 0
    assert octets(tmp_path) == octets(built)
    assert {Path(name).suffix for name in octets(built)} == {".whl", ".gz"}


def test_no_time_but_that_of_the_commit_is_in_them(built: Path) -> None:
    words: list[str | Path] = ["git", "-C", ROOT, "log", "-1", "--format=%ct"]
    made = int(subprocess.run(words, capture_output=True, check=True).stdout)
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert {member.mtime for member in archive} == {made}
        assert {(member.uid, member.gid, member.uname) for member in archive} == {(0, 0, "")}
    with zipfile.ZipFile(wheel) as packed:
        assert len({entry.date_time for entry in packed.infolist()}) == 1


def test_the_sdist_has_what_the_documents_speak_of(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {"LICENSE", "README.md", "config.yaml", "constraints.txt", "examples/systemd/pgp-relay.service"}
    assert not {name for name in names if name.startswith(("tests/", ".ci/", "keyring/private"))}


@pytest.mark.parametrize(
    ("what", "status"),
    [("1", 0), ("time.time_ns()", 1), ("self.root", 1), ("os.environ['TZ']", 1), ("os.umask(0)", 1)],
    ids=["nothing", "the time", "the path", "the time zone", "the umask"],
)
def test_a_build_that_depends_on_something_else_is_noticed(what: str, status: int, tmp_path: Path) -> None:
    done = archives(small(tmp_path / "p", what), tmp_path / "out")
    assert done.returncode == status, done.stderr
    assert ("not reproducible" in done.stderr) == bool(status)
    assert (tmp_path / "out").exists() != bool(status)
