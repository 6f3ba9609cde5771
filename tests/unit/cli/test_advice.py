"""What the program tells people to run can be run: each command that stands in one of its texts.

A command of ours is read by the program itself, and those that only look are run. What other programs have to do is
done to what a test has made; the orders to a running Postfix are given in `tests/e2e/test_advice.py`.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from lab.program import program
from lab.program_texts import texts

from relay.cli.main import app
from relay.cli.reference import commands

ROOT = Path(__file__).resolve().parents[3]
OURS = re.compile(r"pgp-relay ((?!\{version)[^`;,:()\n\x22]+?)(?=[`;,:()\n\x22]|\. | {2,}|$)")
NO_COMMAND = {"on", "depuis", "probe"}
"""Words that follow the program's name in a sentence."""
NARRATING = ("relay/cli/demo", "relay/admin/zeyple.py:", "relay/openpgp/node_key.py:")
"""They tell what is or was run, and have tests of their own; or they name a key."""
LOOKING = {"check", "status", "trace", "nodes", "held", "keys list", "keys bindings", "keys proposals", "keys expiring"}
OTHERS = re.compile(
    r"(?<!pgp-relay )\b((?:postfix|postsuper|postqueue|systemctl|chmod|chown|gpg|pip|apt-get)"
    r"(?: (?:-[\w-]+|\+x|[0-7]{3}|reload|start|status|install|ALL|export-minimal|pgp-relay[\w-]*|'[^']+'|gnupg"
    r"|\{[\w.]+\}))+)"
)
COMMANDS = dict(commands())


class Advice(NamedTuple):
    """A command of ours, and where it is told."""

    place: str
    path: str
    arguments: tuple[str, ...]


def advices() -> Iterator[Advice]:
    for place, says in texts():
        if place.startswith(NARRATING):
            continue
        for found in OURS.finditer(says):
            words = shlex.split(found[1].replace("'{", "{").replace("}'", "}"))
            if words[0] not in NO_COMMAND and not words[0].startswith(("{", "[")):
                yield _advice(place, words)


def _advice(place: str, words: list[str]) -> Advice:
    path = next((" ".join(words[:n]) for n in (3, 2, 1) if f"pgp-relay {' '.join(words[:n])}" in COMMANDS), "")
    assert path, f"{place}: there is no command pgp-relay {' '.join(words)}"
    rest = words[len(path.split()) :]
    options = {name: option for option in COMMANDS[f"pgp-relay {path}"].params for name in option.opts}
    taken: list[str] = []
    for word in rest:
        follows = bool(taken) and taken[-1] in options and not options[taken[-1]].is_flag
        if not (follows or word.startswith(("-", "{")) or word.isupper() or not word.isalpha()):
            break  # the sentence goes on
        taken.append(word)
    return Advice(place, path, tuple(taken))


ALL = sorted(set(advices()))
NAMED = {f"pgp-relay {' '.join((path, *arguments))}" for _, path, arguments in ALL}


def sample(word: str) -> str:
    """A value for what is filled in."""
    if word.startswith("{"):
        return "a@b.example" if re.search(r"address|recipient", word) else "ABCDEF0123456789"
    return {"NAME": "name", "NOM": "nom", "ADDRESS": "a@b.example", "FOLDER": "folder", "FILE": "file"}.get(word, word)


def other_commands() -> set[str]:
    return {found[1] for _, says in texts() for found in OTHERS.finditer(says)}


def test_there_is_advice() -> None:
    assert len(ALL) > 30
    assert {"pgp-relay own create NAME", "pgp-relay postfix install --egress"} <= NAMED


@pytest.mark.parametrize("advice", ALL, ids=lambda each: f"{each.place} {each.path}")
def test_a_message_told_to_run_what_the_program_refused(advice: Advice) -> None:
    root: Any = typer.main.get_command(app)
    command = root
    for word in advice.path.split():
        command = command.get_command(command.make_context("pgp-relay", [], resilient_parsing=True), word)
    command.make_context(advice.path, [sample(word) for word in advice.arguments])


@pytest.mark.parametrize("path", sorted(LOOKING & {advice.path for advice in ALL}))
def test_what_only_looks_is_run(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("policy: [{name: everyone, encrypt: preferred}]\nlookup: {sources: [keyring]}\n")
    for arguments in {advice.arguments for advice in ALL if advice.path == path}:
        done = program(capsys, "-c", config, *path.split(), *map(sample, arguments))
        assert done.status in {0, 1}, done.err
        assert "Unforeseen" not in done.err


@pytest.mark.parametrize("place", sorted({place for place, says in texts() if " --" in says}))
def test_an_option_that_is_named_is_one(place: str) -> None:
    known = {name for command in COMMANDS.values() for option in command.params for name in option.opts}
    known |= {"--version", "--help", "--export", "--export-options", "--armor", "--clean", "--connect-to", "--config"}
    says = next(says for where, says in texts() if where == place)
    assert set(re.findall(r"(?<=[\s(`])--[a-z][a-z-]+(?!\w|-|:)", says)) <= known


DONE: dict[str, list[str]] = {
    "chmod 700": ["chmod", "700", "."],
    "chmod 600": ["chmod", "600", "file"],
    "chmod +x": ["chmod", "+x", "file"],
    "chown -R {me}": ["chown", "-R", "root", "."],
    "gpg --export": ["gpg", "--homedir", ".", "--export"],
    "gpg --export-options export-minimal --export": [
        *("gpg", "--homedir", ".", "--export-options", "export-minimal", "--export"),
    ],
}
TO_POSTFIX = {"postfix reload", "postsuper -r ALL", "postsuper -H", "postqueue -p"}


def test_what_other_programs_are_to_do_is_all_known_here() -> None:
    rest = other_commands() - set(DONE) - TO_POSTFIX
    assert {each for each in rest if not each.startswith(("systemctl ", "pip install", "apt-get install"))} == set()


@pytest.mark.parametrize("told", DONE)
def test_what_other_programs_are_to_do_they_do(told: str, tmp_path: Path) -> None:
    if told not in other_commands() or not shutil.which(DONE[told][0]):
        pytest.fail(f"{told} is told nowhere, or the program is missing")
    tmp_path.chmod(0o700)
    (tmp_path / "file").touch()
    done = subprocess.run(DONE[told], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr


def test_units_and_extras_that_are_named_are_there() -> None:
    units = {file.name for file in (ROOT / "examples" / "systemd").iterdir()}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    told = other_commands()
    assert {f"{each.split()[-1]}.service" for each in told if each.startswith("systemctl ")} <= units
    assert set(re.findall(r"\[(\w+)\]", " ".join(sorted(told)))) <= set(extras)
