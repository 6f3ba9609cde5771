"""In CI the tests are about the package as it is built and installed, never about the source tree."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

import pytest

import relay

ROOT = Path(__file__).parents[2]
IN_CI = os.environ.get("CI") == "true"


def test_ci_tests_the_built_package() -> None:
    where = Path(relay.__file__).resolve()

    assert ("site-packages" in where.parts) if IN_CI else where.is_file()
    assert not (IN_CI and where.is_relative_to(ROOT / "relay"))


def test_the_installed_package_holds_every_file_of_the_source_tree() -> None:
    installed = Path(relay.__file__).parent
    wanted = {
        path.relative_to(ROOT / "relay")
        for path in (ROOT / "relay").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert sorted(path for path in wanted if not (installed / path).is_file()) == []


def test_the_program_has_its_entry_point() -> None:
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="pgp-relay")

    assert entry.value == "relay.cli.main:main"


@pytest.mark.parametrize("name", ["LICENSE", "README.md"])
def test_what_the_package_shows_of_itself_is_not_empty(name: str) -> None:
    assert (ROOT / name).stat().st_size > 500
