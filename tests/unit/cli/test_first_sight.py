"""The program as somebody meets it for the first time: version, help, and which configuration counts."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from lab.program import program

from relay.cli.main import MACHINE, default_config
from relay.cli.reference import commands

ROOT = Path(__file__).resolve().parents[3]
PATHS = [path.removeprefix("pgp-relay ") for path, _ in commands()]
GROUPS = ["", *dict.fromkeys(path.rpartition(" ")[0] for path in PATHS if " " in path)]

Capsys = pytest.CaptureFixture[str]


def test_there_was_no_version(capsys: Capsys) -> None:
    done = program(capsys, "--version")
    assert (done.status, done.out, done.err) == (0, f"pgp-relay {version('pgp-relay')}\n", "")


@pytest.mark.parametrize("path", [*GROUPS, *PATHS])
def test_help_showed_the_names_of_pythons_types(path: str, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = program(capsys, *path.split(), "--help")
    assert done.status == 0
    assert re.findall(r"<(?:bool|str|path|int|float|list.*)>", done.out) == []
    assert [line for line in done.out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("group", GROUPS)
def test_a_list_of_commands_has_whole_sentences(group: str, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = program(capsys, *group.split(), "--help").out.partition("Commands:")[2]
    assert len(listed.splitlines()) > 1
    assert [line for line in listed.splitlines() if line and not line.endswith(".")] == []
    assert "..." not in listed


def test_a_configuration_that_lay_in_the_current_folder_won_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    assert default_config(tmp_path) == MACHINE
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n')
    assert default_config(tmp_path) == MACHINE
    assert default_config(tmp_path / "nowhere") == MACHINE


def test_in_a_checkout_of_the_project_its_own_counts(tmp_path: Path) -> None:
    assert default_config(ROOT) == ROOT / "config.yaml"
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    assert default_config(tmp_path) == MACHINE, "there is none"


def test_config_tells_what_counts_and_what_differs(tmp_path: Path, capsys: Capsys) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "policy: [{name: everyone, to: ['*@ville.example']}]\n"
        "lookup: {sources: [keyring], wkd: {timeout: 2s}}\n"
        "database: postgresql://relay:geheim@db/relay\n"
    )
    told = program(capsys, "-c", file, "config", "diff").out.splitlines()
    assert told == [
        "key\tdefault\tvalue",
        "database\t\tpostgresql://relay:…@db/relay",
        'lookup.sources\t["keyring", "ldap", "wkd"]\t["keyring"]',
        "lookup.wkd.timeout\t5s\t2s",
        'policy[0]\t\t{"name": "everyone", "to": ["*@ville.example"]}',
    ]
    asked = {
        "lookup.wkd.timeout": "2s",
        "lookup.timeout": "15s",
        "policy[0].name": "everyone",
        "policy[0].encrypt": "required",
        "tls": "null",
        "database": "postgresql://relay:…@db/relay",
    }
    assert {key: program(capsys, "-c", file, "config", "get", key).out.strip() for key in asked} == asked
    shown = program(capsys, "-c", file, "config", "show").out
    assert "geheim" not in shown
    file.write_text(shown)
    again = program(capsys, "-c", file, "config", "show")
    assert (again.status, again.out) == (0, shown), "it is a configuration that says the same"
    assert program(capsys, "-c", file, "config", "get", "timeout").err == (
        "unknown key “timeout”; did you mean “lookup.timeout”?\n"
    )


@pytest.mark.parametrize("written", ["off", '"off"', "Off"])
def test_off_as_the_file_has_it_was_told_as_false(
    written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"own: {{autocrypt: {written}}}\npolicy: []\nlookup: {{sources: [keyring]}}\n")
    assert program(capsys, "-c", file, "config", "get", "own.autocrypt").out == "off\n"
    assert "own.autocrypt\tencrypted\toff" in program(capsys, "-c", file, "config", "diff").out
    file.write_text(program(capsys, "-c", file, "config", "show").out)
    assert program(capsys, "-c", file, "config", "get", "own.autocrypt").out == "off\n"
