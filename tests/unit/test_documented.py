"""What the program has is documented, and what is documented exists: keys, commands, statuses, events, metrics.

`documented` and `existing` make the two lists of a kind; a test compares them, and another plants a fault in the page.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from relay.cli.reference import commands
from relay.config.reference import keys
from relay.telemetry.events import Event
from relay.telemetry.reference import table

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "relay"
INTERRUPTED = 130  # typer's own, for Ctrl-C


class Kind(NamedTuple):
    """One kind of thing: the page, what the page names, what the program has."""

    page: str
    named: Callable[[str], set[str]]
    existing: Callable[[], set[str]]


def column(heading: str) -> Callable[[str], set[str]]:
    """Reads the first column of the table whose header begins so."""

    def cells(text: str) -> set[str]:
        _, found, table = text.partition(f"\n{heading}")
        rows = table.partition("\n\n")[0].splitlines()[2:]
        return {row.strip("| ").split(" | ")[0].strip("`") for row in rows} if found else set()

    return cells


def statuses() -> set[str]:
    """The exit statuses of commands: what `Exit` and `fail` are given, and what the program returns for exceptions."""
    found = {0, INTERRUPTED}
    for file in (SOURCE / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="Exit"), args=[given]):
                    found |= {n.value for n in ast.walk(given) if isinstance(n, ast.Constant) and type(n.value) is int}
                case ast.Call(func=ast.Name(id="fail"), keywords=[ast.keyword(value=ast.Constant(value=int(status)))]):
                    found.add(status)
                case ast.FunctionDef(name="guarded"):
                    returns = (n.value for n in ast.walk(node) if isinstance(n, ast.Return))
                    found |= {n.value for n in returns if isinstance(n, ast.Constant) and isinstance(n.value, int)}
    return {str(status) for status in found}


def metrics_named(text: str) -> set[str]:
    return set(re.findall(r"\bpgp_relay_\w+", text))


KINDS = {
    "commands": Kind(
        "commands.md",
        lambda text: set(re.findall(r"^## (pgp-relay .+)$", text, re.MULTILINE)),
        lambda: {name for name, _ in commands()},
    ),
    "exit statuses": Kind("commands.md", column("| status |"), statuses),
    "configuration keys": Kind(
        "configuration.md",
        lambda text: set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", text, re.MULTILINE)),
        lambda: {key.name for key in keys()},
    ),
    "log events": Kind("monitoring.md", column("| event |"), lambda: {event.value for event in Event}),
    "metrics": Kind("monitoring.md", metrics_named, lambda: metrics_named(table())),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_page_names_all_that_there_is_and_nothing_else(kind: Kind) -> None:
    named = kind.named((DOCS / kind.page).read_text(encoding="utf-8"))

    assert named == kind.existing()
    assert len(named) > 3


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_one_that_is_not_documented_and_one_that_does_not_exist_are_seen(kind: Kind) -> None:
    text = (DOCS / kind.page).read_text(encoding="utf-8")
    one = max(kind.existing(), key=len)
    missing, wrong = text.replace(one, "planted"), text.replace(one, f"{one}x")

    for changed in (missing, wrong):
        assert kind.named(changed) != kind.existing()


def test_every_event_happens() -> None:
    used = set()
    for file in SOURCE.rglob("*.py"):
        used |= set(re.findall(r"\bEvent\.([A-Z_]+)\b", file.read_text(encoding="utf-8")))

    assert {event.name for event in Event} - used == set()


PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md"), ROOT / "keyring" / "README.md"]
COMMANDS = {name.removeprefix("pgp-relay ") for name, _ in commands()}
GROUPS = {name.split()[0] for name in COMMANDS if " " in name}
POSTFIX = {"reload", "start", "status", "stop"}  # of Postfix's own command of the name of our group
KEYS = {key.name for key in keys()}
SECTIONS = {name.partition(".")[0].removesuffix("[]") for name in KEYS if "." in name}


def code() -> Iterator[tuple[str, str]]:
    """Each piece of code in running text, with its page."""
    for page in PAGES:
        text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        yield from ((page.name, piece) for piece in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text))


def no_command(piece: str) -> bool:
    """Whether it calls a command of ours that there is not."""
    called = re.search(r"(?:^|-- |\| )pgp-relay (?:-c \S+ )?(?=[a-z])(.*)", piece)
    words = called[1].split() if called else piece.split()
    if not called and (words[0] not in GROUPS or not words[1:2] or not words[1].isalpha()):
        return False
    if words[0] == "postfix" and words[1] in POSTFIX:
        return False
    return not any(" ".join(words[:count]) in COMMANDS for count in (1, 2, 3))


def no_key(piece: str) -> bool:
    """Whether it names a key of the configuration that there is not."""
    name = piece.partition(":")[0]
    dotted = re.fullmatch(r"([a-z_]+)(\[\])?(\.[a-z_]+(\[\])?)+", name)
    return dotted is not None and dotted[1] in SECTIONS and name not in KEYS


CODE = sorted(set(code()))


def test_commands_and_keys_in_running_text_exist() -> None:
    assert [f"{page}: {piece}" for page, piece in CODE if no_command(piece) or no_key(piece)] == []
    assert len(CODE) > 500


@pytest.mark.parametrize(
    "piece", ["pgp-relay waiting", "keys weld", "postfix remove", "runuser -u x -- pgp-relay key list"]
)
def test_a_command_that_does_not_exist_is_seen(piece: str) -> None:
    assert no_command(piece)


@pytest.mark.parametrize("piece", ["lookup.wkd.ca", "sign.key", "deadlines.all: 3s"])
def test_a_key_that_does_not_exist_is_seen(piece: str) -> None:
    assert no_key(piece)


ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
LAYERS = (DOCS / "pictures" / "layers.svg").read_text(encoding="utf-8")
ROOMS = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}


def test_the_architecture_names_every_package_and_no_other() -> None:
    assert set(column("| package |")(ARCHITECTURE)) == ROOMS
    assert set(re.findall(r">([a-z]+)</text>", LAYERS)) == ROOMS, "docs/pictures/layers.svg"


REPOSITORY = re.compile(r"(?:relay|tests|bench|docs|examples|\.ci)/[\w./-]+")
ELSEWHERE = {
    "bench/results/",
    "relay/config.yaml",
}  # made by `make bench`; of examples/compose


def test_files_in_running_text_exist() -> None:
    paths = {(page, piece) for page, piece in CODE if REPOSITORY.fullmatch(piece) and page != "CHANGELOG.md"}

    assert {f"{page}: {path}" for page, path in paths if not (ROOT / path).exists() and path not in ELSEWHERE} == set()
    assert len(paths) > 10
