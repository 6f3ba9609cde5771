"""Every regular expression of the program runs alike on each Python it supports.

Before 3.11.5 possessive quantifiers and atomic groups around a group that can go back, or around a look-ahead, never
match (python/cpython#106052, among others): Debian 12's own Python is 3.11.2.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import relay

NOT_BEFORE_3_11_5 = {"POSSESSIVE_REPEAT", "ATOMIC_GROUP"}
MODULES = [name for _, name, _ in pkgutil.walk_packages(relay.__path__, "relay.") if not name.endswith("__main__")]


ESCAPED = {"relay.keys.ldap.listing", "relay.web.console.reasons"}
"""They make expressions of texts that stand outside the source, every piece of which is escaped."""


def operations(parsed: Any) -> Iterator[str]:  # noqa: ANN401  Python's parser of expressions has no types
    if isinstance(parsed, re._parser.SubPattern | list | tuple):  # type: ignore[attr-defined]  # private
        for one in parsed:
            yield from operations(one)
    else:
        yield str(parsed)


def forbidden(expression: str | bytes) -> set[str]:
    return NOT_BEFORE_3_11_5 & set(operations(re._parser.parse(expression)))  # type: ignore[attr-defined]  # private


def expressions(module: ModuleType) -> Iterator[tuple[int, str | bytes]]:
    """What the functions of `re` are given, and the line; it has to be known where the module is loaded."""
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text("utf-8"))):
        match node:
            case ast.ImportFrom(module="re"):
                pytest.fail(f"{module.__name__}:{node.lineno}: `import re`, or its expressions are not found here")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=function), args=[first, *_]):
                if function != "escape" and module.__name__ not in ESCAPED:
                    given = eval(compile(ast.Expression(first), module.__name__, "eval"), vars(module))  # noqa: S307  our own source
                    yield node.lineno, given.pattern if isinstance(given, re.Pattern) else given


@pytest.mark.parametrize("expression", [r"a++", r"(?:a|b)*+", r"x?+", r"a{2,3}+", r"(?>a)b", rb"((?:a(?=[^?]++)))|b"])
def test_what_is_not_alike_is_seen(expression: str | bytes) -> None:
    assert forbidden(expression)


@pytest.mark.parametrize("expression", [r"[a++]\++", r"a+b*?", r"\?+", rb"(?:a(?!b)|[(?>])*"])
def test_what_is_alike_passes(expression: str | bytes) -> None:
    assert not forbidden(expression)


def test_no_expression_needs_a_later_python() -> None:
    seen = [(name, *one) for name in MODULES for one in expressions(importlib.import_module(name))]
    print(len(seen), "expressions in", len(MODULES), "modules")
    assert len(seen) > 80
    assert not [f"{name}:{line}" for name, line, expression in seen if forbidden(expression)]
