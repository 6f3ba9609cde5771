"""One PostgreSQL for the tests of a file, with a database of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count

import asyncpg
import pytest
from lab.nexthop import ScriptedHop
from lab.postgresql import PostgreSQL, one_server

_numbers = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with one_server() as running:
        yield running


@pytest.fixture
async def database(server: PostgreSQL) -> str:
    """The URL of an empty one."""
    name = f"site{next(_numbers)}"
    asking = await asyncpg.connect(server.url)
    await asking.execute(f"CREATE DATABASE {name}")
    await asking.close()
    return f"{server.url.rpartition('/')[0]}/{name}"


@pytest.fixture
async def hop() -> AsyncIterator[ScriptedHop]:
    async with ScriptedHop() as running:
        yield running
