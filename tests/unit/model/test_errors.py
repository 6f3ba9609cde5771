"""Every exception class of the relay is in the tree, or has a reason to be outside; every one is raised somewhere."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable
from pathlib import Path

from relay.model import errors

SOURCE = Path(errors.__file__).parents[1]

OUTSIDE = {
    "config.base.Contradiction": "pydantic turns ValueErrors of its validators into faults, and nothing else",
    "keys.ldap.worker.Refusal": "the worker loads nothing of the relay but its protocol",
    "keys.wkd.reason.NoSuchName": "aiohttp hands on what a resolver raises only where it is an OSError",
    "keys.wkd.reason.NotListening": "likewise, and beside NoSuchName",
    "process.ipc.BadFrame": "loaded by the LDAP worker, which loads nothing else of the relay",
    "process.ipc.CutOff": "a BadFrame",
}


def classes() -> dict[str, tuple[str, list[str]]]:
    """Of every class its module's name and its bases' names, by its own."""
    found: dict[str, tuple[str, list[str]]] = {}
    for file in SOURCE.rglob("*.py"):
        module = ".".join(file.relative_to(SOURCE).with_suffix("").parts)
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[f"{module}.{node.name}"] = (module, [ast.unparse(base).rpartition(".")[2] for base in node.bases])
    return found


def ancestors(name: str, every: dict[str, tuple[str, list[str]]]) -> set[str]:
    """Of the class with this full name: names of classes of the relay and of Python's."""
    by_name: dict[str, list[str]] = {}
    for full in every:
        by_name.setdefault(full.rpartition(".")[2], []).append(full)
    found: set[str] = set()
    waiting = list(every[name][1])
    while waiting:
        base = waiting.pop()
        if base not in found:
            found.add(base)
            waiting += [further for full in by_name.get(base, []) for further in every[full][1]]
    return found


def exceptions() -> dict[str, set[str]]:
    every = classes()
    python = {name for name, one in vars(builtins).items() if isinstance(one, type) and issubclass(one, BaseException)}
    return {name: above for name in every if (above := ancestors(name, every)) & python}


def test_each_is_one_of_the_tree_or_has_a_reason_to_be_outside(record_property: Callable[[str, object], None]) -> None:
    outside = {name for name, above in exceptions().items() if "RelayError" not in above} - {"model.errors.RelayError"}
    record_property("counted", f"{len(exceptions())} exceptions, {len(outside)} outside the tree")
    assert outside == OUTSIDE.keys()
    assert len(exceptions()) > 20


def test_each_is_raised_somewhere() -> None:
    made: set[str] = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                made.add(ast.unparse(node.func).rpartition(".")[2])
            elif isinstance(node, ast.Raise) and node.exc:
                made |= {ast.unparse(one).rpartition(".")[2] for one in ast.walk(node.exc) if isinstance(one, ast.Name)}
    assert [name for name in exceptions() if name.rpartition(".")[2] not in made] == []


def test_the_tree_that_is_drawn_is_the_tree_that_is() -> None:
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"^    ([ │├└─]*)(\w+)", line):
            depth, name = len(match.group(1)), match.group(2)
            above = [(at, parent) for at, parent in above if at < depth]
            drawn[name] = above[-1][1] if above else ""
            above.append((depth, name))
    real = {
        name: one.__bases__[0].__name__ if one is not errors.RelayError else ""
        for name, one in vars(errors).items()
        if isinstance(one, type) and issubclass(one, errors.RelayError)
    }
    assert drawn == real
