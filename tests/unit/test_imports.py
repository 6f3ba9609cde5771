"""Who may import whom, and which third party lives where: read from the source, lazy imports too.

docs/architecture.md tells the reasons. A new dependency needs a line in `THIRD_PARTIES`, in pyproject.toml and there.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "relay"

VALUES = {"model", "errors"}
BASE = VALUES | {"ports", "mail", "replies", "events"}
PIPELINE = {
    "pipeline",
    "course",
    "deliver",
    "facts",
    "making",
    "notify",
    "parcels",
    "protect",
    "served",
    "turns",
    "witness",
}
ADAPTER = BASE | {"config", "aside"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "model": {"errors"},
    "ports": {"model"},
    "replies": {"model"},
    "events": {"model", "journal"},
    "journal": set(),
    "mail": VALUES,
    "policy": VALUES,
    "config": VALUES | {"policy"},  # a rule of the file is a rule of the policy
    "wire": set(),
    "heap": set(),
    "nice": set(),
    "helper": VALUES | {"wire", "heap", "nice"},
    "aside": VALUES | {"helper"},
    **{room: BASE | {"policy", "aside"} | PIPELINE for room in PIPELINE},
    "intake": VALUES | {"ports", "mail"},
    "keys": ADAPTER,
    "keys.store": VALUES,
    "keys.ldap": ADAPTER,
    "keys.wkd": ADAPTER | {"heap", "nice"},
    "openpgp": ADAPTER | {"nice"},
    "smtp": ADAPTER,
    "postfix": {"config", "errors"},
    "leaving": {"errors"},
    "metrics": VALUES | {"events", "config"},
}
"""What is not named here (app, service, workers, backup, cli) puts the parts together and may import all of them."""

TOP = {
    "app": {"service", "health", "backup", "cli"},
    "backup": {"cli"},
    "service": {"cli", "worker", "workers"},
    "workers": {"cli"},
    "cli": {"__main__"},
}
"""… and who alone may import those."""

INSIDE = {"keys": {"keys.store", "keys.ldap", "keys.wkd"}}
"""Sources are put together in `keys`, and know nothing of each other."""

THIRD_PARTIES: dict[str, tuple[str, set[str]]] = {
    "aiohttp": ("aiohttp", {"keys.wkd"}),
    "yarl": ("aiohttp", {"keys.wkd"}),  # its URLs, part of its interface
    "aiosmtpd": ("aiosmtpd", {"smtp"}),
    "aiosmtplib": ("aiosmtplib", {"smtp"}),
    "anycrc": ("anycrc", {"mail"}),
    "pybase64": ("pybase64", {"mail"}),
    "bonsai": ("bonsai", {"keys.ldap"}),
    "gnupg": ("python-gnupg", {"openpgp"}),
    "idna": ("idna", {"model", "keys.ldap"}),
    "prometheus_client": ("prometheus-client", {"metrics"}),
    "pydantic": ("pydantic", {"config"}),
    "pydantic_core": ("pydantic", {"config"}),  # its errors, part of its interface
    "pysequoia": ("pysequoia", {"openpgp"}),
    "rich": ("rich", {"cli"}),
    "sqlalchemy": ("sqlalchemy", {"keys.store"}),
    "structlog": ("structlog", {"events"}),
    "typer": ("typer", {"cli"}),
    "yaml": ("pyyaml", {"config"}),
}


def module(file: Path) -> str:
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


def room(name: str) -> str:
    """The longest known room that a module stands in: `keys.wkd.https` -> `keys.wkd`."""
    parts = name.split(".")
    inner = ".".join(parts[:2])
    return inner if inner in MAY_IMPORT else parts[0]


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(source), names=names, level=0):
                yield from (f"{source}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                yield "relay.a-relative-import"


def imports() -> list[tuple[str, str]]:
    return [(module(file), name) for file in sorted(SOURCE.rglob("*.py")) for name in imported(file)]


def allowed(importer: str, target: str) -> bool:
    mine, theirs = room(importer), room(target)
    if mine == theirs:
        return True
    if theirs in TOP:
        return mine in TOP[theirs]
    return mine not in MAY_IMPORT or theirs in MAY_IMPORT[mine] | INSIDE.get(mine, set())


def test_nothing_imports_what_it_may_not() -> None:
    pairs = [(importer, name.removeprefix("relay.")) for importer, name in imports() if name.startswith("relay.")]

    assert [f"{importer} imports {name}" for importer, name in pairs if not allowed(importer, name)] == []
    assert len(pairs) > 100


def test_each_third_party_has_its_room() -> None:
    outside = [
        (importer, top)
        for importer, name in imports()
        if (top := name.partition(".")[0]) not in sys.stdlib_module_names | {"relay"}
    ]

    assert {top for _, top in outside} <= THIRD_PARTIES.keys()
    assert sorted({f"{i} imports {top}" for i, top in outside if room(i) not in THIRD_PARTIES[top][1]}) == []


def test_each_third_party_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {re.split(r"[^\w-]", line)[0].lower() for names in lists for line in names}
    used = {name.partition(".")[0] for _, name in imports()} & THIRD_PARTIES.keys()

    assert {THIRD_PARTIES[name][0] for name in used} <= declared


@pytest.mark.parametrize(
    ("importer", "target"),
    [
        ("model.address", "mail.headers"),
        ("mail.shape", "ports.Source"),
        ("smtp.inlet", "pipeline.Pipeline"),
        ("keys.wkd.source", "keys.ldap.source"),
        ("keys.store.rows", "keys.chain"),
        ("openpgp.gnupg", "keys.store"),
        ("pipeline", "app.build"),
        ("config.model", "keys.chain"),
    ],
)
def test_the_rule_sees_what_it_is_there_for(importer: str, target: str) -> None:
    assert not allowed(importer, target)
