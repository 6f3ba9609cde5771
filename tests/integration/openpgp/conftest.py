"""What several tests of the engines use."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from lab.gnupghome import gnupg_home

from relay.process.child import use_pidfd


@pytest.fixture
async def pidfd() -> AsyncIterator[None]:
    """Children are waited for as in the service; after the test as before it.

    The watcher is the whole process's, and the test's loop ends: left behind, it would let no later test begin a child.
    """
    if sys.version_info >= (3, 12):  # there a loop does so by itself
        yield
        return
    watcher = asyncio.get_child_watcher()
    try:
        use_pidfd()
        yield
    finally:
        asyncio.set_child_watcher(watcher)


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty GnuPG home."""
    with gnupg_home() as path:
        yield path
