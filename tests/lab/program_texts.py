"""What the program may say: every text in the source of `relay`, but docstrings, the templates, the console's texts.

`texts` gives each with its place; what is filled in when it is said stands there as the name of a sample (`{address}`).
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE = Path(__file__).resolve().parents[2] / "relay"
TEMPLATES = (".txt", ".html")


class Text(NamedTuple):
    """Where it stands, and what it says."""

    place: str
    says: str


@cache
def texts() -> tuple[Text, ...]:
    """All of them."""
    return tuple(_texts())


def _texts() -> Iterator[Text]:
    for file in sorted(PACKAGE.rglob("*")):
        place = str(file.relative_to(PACKAGE.parent))
        if file.suffix == ".py":
            yield from _of_source(place, ast.parse(file.read_text("utf-8")))
        elif file.suffix in TEMPLATES and "static" not in file.parts:
            yield Text(place, file.read_text("utf-8"))
        elif file.suffix == ".toml" and "console" in file.parts:
            yield from _of_table(place, tomllib.loads(file.read_text("utf-8")))


def _of_table(place: str, table: dict[str, Any]) -> Iterator[Text]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _of_table(f"{place}:{key}", value)
        else:
            yield Text(f"{place}:{key}", value)


def _of_source(place: str, tree: ast.Module) -> Iterator[Text]:
    silent = {id(part) for node in ast.walk(tree) for part in _silent(node)}
    for node in ast.walk(tree):
        if id(node) not in silent and (says := _says(node)):
            yield Text(f"{place}:{getattr(node, 'lineno', 0)}", says)


def _silent(node: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, and the parts of a text that is told as a whole."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    if isinstance(node, ast.JoinedStr):
        yield from (part for part in ast.walk(node) if part is not node)


def _says(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_part, node.values))
    return ""


def _part(value: ast.expr) -> str:
    return str(value.value) if isinstance(value, ast.Constant) else f"{{{ast.unparse(value)[1:-1]}}}"
