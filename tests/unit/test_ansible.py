"""The Ansible role we hand out: it is YAML, its variables are documented, and its example is a configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from relay.config import load

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "ansible"
ROLE = FOLDER / "roles" / "pgp_relay"
NAME = re.compile(r"\bpgp_relay_[a-z_]+\b")
INNER = {"pgp_relay_installed", "pgp_relay_program", "pgp_relay_folder"}
"""A result, and two that only a trial on a folder sets."""


def read(file: Path) -> Any:  # noqa: ANN401  YAML
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def documented() -> set[str]:
    return set(re.findall(r"^\| `(pgp_relay_\w+)`", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE))


def test_every_variable_is_documented_and_has_a_value() -> None:
    files = [*ROLE.rglob("*.yml"), *ROLE.rglob("*.j2")]
    used = {name for file in files for name in NAME.findall(file.read_text(encoding="utf-8"))}
    required = {"pgp_relay_package", "pgp_relay_config"}
    assert used - INNER == documented()
    assert set(read(ROLE / "defaults" / "main.yml")) == used - required - {"pgp_relay_installed"}


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    (play,) = read(FOLDER / "site.yml")
    (role,) = play["roles"]
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(role["vars"]["pgp_relay_config"]))
    assert load(file).hostname == "mx.hopital.example"
    assert set(role["vars"]) <= documented()


def test_every_task_has_a_name_and_the_passphrase_is_not_logged() -> None:
    tasks = read(ROLE / "tasks" / "main.yml")
    assert all(task["name"] for task in tasks)
    secret = [task for task in tasks if "pgp_relay_passphrase }}" in str(task)]
    assert secret
    assert all(task["no_log"] for task in secret)
