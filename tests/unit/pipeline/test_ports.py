"""What the pipeline needs from outside stands in one module, which says how many ports there are."""

from __future__ import annotations

import ast
from pathlib import Path

from relay.pipeline import ports

NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
NUMBERS += ["twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"]

INCOMING = {"Harvester", "KeyDesk", "OpenedEnvelopes", "OwnRegister", "ReturnTokens", "SignerLookup"}
"""What the incoming way alone needs stands where it is used."""


def protocols(file: Path) -> list[ast.ClassDef]:
    tree = ast.parse(file.read_text("utf-8"))
    return [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and "Protocol" in map(ast.unparse, n.bases)]


def test_there_are_as_many_ports_as_it_says_and_no_others_beside() -> None:
    file = Path(ports.__file__)
    found = protocols(file)
    assert f" {NUMBERS[len(found)]} ports " in (ports.__doc__ or "")
    methods = [sum(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) for one in port.body) for port in found]
    assert set(methods) <= {1, 2, 3, 4}
    elsewhere = {port.name for other in file.parent.glob("*.py") if other != file for port in protocols(other)}
    assert elsewhere == INCOMING
