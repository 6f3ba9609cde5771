"""The places of a store: a new file of SQLite, and a new database of a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from lab.postgresql import PostgreSQL, one_server

_numbers = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    with one_server() as running:
        yield running


@pytest.fixture(params=["SQLite", "PostgreSQL"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Path or URL of an empty one."""
    if request.param == "SQLite":
        return str(tmp_path / "store.db")
    server: PostgreSQL = request.getfixturevalue("server")
    name = f"contract{next(_numbers)}"
    asking = await asyncpg.connect(server.url)
    await asking.execute(f"CREATE DATABASE {name}")
    await asking.close()
    return f"{server.url.rpartition('/')[0]}/{name}"
