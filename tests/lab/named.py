"""The tests that a document names, as `tests/FILE.py::test_NAME`, and which of them are not there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_NAME = re.compile(r"(tests/[\w/]+\.py)::(\w+)")


def named_in(document: Path) -> set[tuple[str, str]]:
    """File and name of each."""
    return set(_NAME.findall(document.read_text()))


def not_there(document: Path) -> list[str]:
    """Those that no file defines."""
    return sorted(f"{file}::{name}" for file, name in named_in(document) if name not in _defined(file))


@cache
def _defined(file: str) -> frozenset[str]:
    path = ROOT / file
    if not path.exists():
        return frozenset()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.parse(path.read_text()).body if isinstance(node, kinds))
