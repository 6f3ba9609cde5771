"""Who may import whom, and which third party lives where: read from the source, lazy imports too.

docs/architecture.md tells the reasons. A new room needs a line in `FLOORS`, a new dependency one in `THIRD_PARTIES`,
in pyproject.toml and in docs/architecture.md.
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

FLOORS: tuple[set[str], ...] = (
    {"model"},  # values, errors, replies
    {"mail", "policy", "process", "store", "telemetry"},
    {"openpgp", "pipeline", "config"},
    {"keys", "own", "smtp", "channel"},
    {"daemon"},  # puts all of it together
    {"admin"},  # what administrators do
    {"web"},  # shows it in a browser
    {"cli"},  # and on a terminal
)
"""Every room of `relay/`, bottom up. A room imports rooms of the floors below its own, within these limits:"""

ONLY: dict[str, set[str]] = {
    "mail": {"model"},
    "policy": {"model"},
    "process": {"model"},
    "store": {"model"},
    "telemetry": {"model"},
    "openpgp": {"model", "mail", "process"},
    "pipeline": {"model", "mail", "policy", "process", "telemetry"},  # adapters are behind its ports
    "config": {"model", "policy"},  # a rule of the file is a rule of the policy
    "keys": {"model", "mail", "process", "store", "telemetry", "pipeline.ports", "config"},
    "smtp": {"model", "process", "telemetry"},
    "own": {"model"},
    "channel": {"model"},
    "web.public": {
        *("model", "mail", "process", "telemetry", "config", "channel", "store.public", "web.http", "web.channel"),
        *("daemon.signals", "daemon.systemd", "daemon.tls", "web.pickup", "web.enrolment", "web.pages"),
    },  # nothing that could reach the relay's store, its keyring or an engine
    "web.channel": {"model", "channel", "store.public", "web.http"},
    "web.pickup": {"model", "mail", "config", "store.public", "web.http", "web.pages.look"},
    "web.enrolment": {"model", "mail", "store.public", "web.http", "web.pages"},
    "web.pages": {"web.http", "web.pickup.files"},
    "web.http": {"model", "process", "telemetry"},
    "web.console": {
        *("model", "telemetry", "config", "channel.body", "store.console", "web.http", "web.pages"),
        *("daemon.signals", "daemon.systemd", "daemon.tls", "keys.ldap.people", "keys.ldap.reason", "keys.ldap.server"),
    },  # nothing that could reach the relay's store, its keyring or an engine
}
"""What these import; `daemon`, `admin` and `cli` may import all that is below them."""

APART: tuple[tuple[str, str], ...] = (
    ("keys.ldap", "keys.wkd"),  # sources know nothing of each other
    ("keys.ldap", "store"),
    ("keys.wkd", "store"),
)
"""Neither of a pair imports the other."""

LOOSE = {"", "__main__"}
"""Modules in no room."""

THIRD_PARTIES: dict[str, tuple[str, set[str]]] = {
    "aiohttp": (
        "aiohttp",
        {"keys.wkd", "telemetry", "channel", "web.http", "web.console.relay_link", "web.console.provider"},
    ),
    "yarl": ("aiohttp", {"keys.wkd"}),  # its URLs, part of its interface
    "aiosmtpd": ("aiosmtpd", {"smtp"}),
    "aiosmtplib": ("aiosmtplib", {"smtp"}),
    "anycrc": ("anycrc", {"mail"}),
    "cryptography": ("cryptography", {"openpgp"}),
    "pybase64": ("pybase64", {"mail"}),
    "bonsai": ("bonsai", {"keys.ldap"}),
    "gnupg": ("python-gnupg", {"openpgp"}),
    "idna": ("idna", {"model", "keys.ldap"}),
    "jinja2": ("jinja2", {"web.pages"}),
    "markupsafe": ("jinja2", {"web.pages", "web.console"}),  # its escaped text, part of its interface
    "prometheus_client": ("prometheus-client", {"telemetry"}),
    "publicsuffixlist": ("publicsuffixlist", {"mail"}),
    "pydantic": ("pydantic", {"config"}),
    "pydantic_core": ("pydantic", {"config"}),  # its errors, part of its interface
    "pysequoia": ("pysequoia", {"openpgp.sequoia"}),
    "rich": ("rich", {"cli"}),
    "sqlalchemy": ("sqlalchemy", {"store"}),
    "asyncpg": ("asyncpg", {"store"}),
    "structlog": ("structlog", {"telemetry"}),
    "typer": ("typer", {"cli"}),
    "yaml": ("pyyaml", {"config"}),
    "authlib": ("authlib", {"web.console.oidc"}),
    "joserfc": ("joserfc", {"web.console.oidc"}),
    "webauthn": ("webauthn", {"web.console.passkeys"}),
    "argon2": ("argon2-cffi", {"web.console.credentials"}),
    "pyotp": ("pyotp", {"web.console.credentials"}),
}


def module(file: Path) -> str:
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


def within(name: str, place: str) -> bool:
    """`keys.wkd.https` is within `keys` and within `keys.wkd`."""
    return f"{name}.".startswith(f"{place}.")


def floor(name: str) -> int:
    """The floor of a module's room; raises `LookupError` for a room without a line above."""
    room = name.partition(".")[0]
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise LookupError(name)


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
    if importer in LOOSE:
        return within(target, "cli")
    if any(within(a, x) and within(b, y) for a, b in ((importer, target), (target, importer)) for x, y in APART):
        return False
    room = next((place for place in ONLY if within(importer, place)), importer.partition(".")[0])
    if within(target, room):
        return True
    if room in ONLY and not any(within(target, place) for place in ONLY[room]):
        return False
    return floor(target) < floor(importer) or "." in room


def test_every_module_stands_in_a_room_that_is_named_here() -> None:
    modules = [module(file) for file in SOURCE.rglob("*.py")]
    named = set().union(*FLOORS)

    assert [name for name in modules if name not in LOOSE and name.partition(".")[0] not in named] == []
    assert {name for name in modules if "." not in name} == named | LOOSE, "a room is a folder, and each has modules"
    assert sorted(path.name for path in SOURCE.glob("*.py")) == ["__init__.py", "__main__.py"]
    assert len(modules) > 200


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
    strays = {f"{i} imports {top}" for i, top in outside if not any(within(i, room) for room in THIRD_PARTIES[top][1])}

    assert {top for _, top in outside} <= THIRD_PARTIES.keys()
    assert sorted(strays) == []


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
        ("mail.shape", "pipeline.ports.Source"),
        ("smtp.inlet", "pipeline.outgoing.Pipeline"),
        ("keys.wkd.source", "keys.ldap.source"),
        ("keys.ldap.source", "store.Store"),
        ("keys.cache", "pipeline.outgoing"),
        ("keys.cache", "smtp.outlet"),
        ("store.certificate_rows", "keys.resolver"),
        ("openpgp.gnupg", "store"),
        ("pipeline.outgoing", "daemon.build"),
        ("pipeline.outgoing", "keys.resolver"),
        ("config.model", "keys.resolver"),
        ("daemon.build", "admin.backup"),
        ("admin.backup", "cli.backup"),
        ("__main__", "daemon.service"),
        ("daemon.build", "web.http.server"),
        ("web.public.service", "store.certificates"),
        ("web.public.service", "keys.resolver"),
        ("web.public.service", "openpgp.gnupg"),
        ("web.public.service", "daemon.build"),
        ("web.http.server", "web.public.site"),
        ("channel.client", "store.public"),
    ],
)
def test_the_rule_sees_what_it_is_there_for(importer: str, target: str) -> None:
    assert not allowed(importer, target)


def test_a_module_in_no_named_room_is_a_fault() -> None:
    with pytest.raises(LookupError):
        allowed("attic.box", "model.address")
