"""A correspondent with a key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.known import Known


@pytest.fixture(scope="session")
def known() -> Iterator[Known]:
    with Known() as someone:
        yield someone
