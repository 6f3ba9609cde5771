"""A command loads what it needs: each start of the program costs what it loads, and most commands are short."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("pgp-relay")
LONG_TO_LOAD = {"aiohttp", "aiosmtpd", "aiosmtplib", "asyncpg", "prometheus_client", "pysequoia", "sqlalchemy.orm"}
NEEDED = {
    "backup": set[str](),
    "keys": set[str](),
    "trace": set[str](),
    "serve": LONG_TO_LOAD - {"sqlalchemy.orm"},
}


@pytest.mark.parametrize("name", NEEDED)
def test_it_loads_no_library_that_it_does_not_need(name: str) -> None:
    code = f"import sys, relay.cli.main, relay.cli.{name}; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.decode().split())
    assert "relay.store" in loaded
    assert loaded & LONG_TO_LOAD <= NEEDED[name]


def test_status_is_asked_often_and_loads_next_to_nothing() -> None:
    code = "import sys, relay.cli.main, relay.cli.status; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.decode().split())
    assert "relay.telemetry.status_client" in loaded
    assert not loaded & {"asyncio", "pydantic", "sqlalchemy", "structlog", "yaml", "rich.console", *LONG_TO_LOAD}


def test_help_loads_none_of_what_commands_are_made_of() -> None:
    code = "import sys, relay.cli.main; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.decode().split())
    assert "relay.cli.main" in loaded
    assert not loaded & {"sqlalchemy", "relay.daemon.build", "relay.store", *LONG_TO_LOAD}


def test_the_shells_completion_still_knows_them_all() -> None:
    asked = {"_PGP_RELAY_COMPLETE": "complete_bash", "COMP_WORDS": "pgp-relay keys app", "COMP_CWORD": "2"}
    done = subprocess.run([PROGRAM], capture_output=True, check=False, env=os.environ | asked)
    assert done.stdout.split() == [b"approve"]
