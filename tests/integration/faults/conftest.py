"""One relay for all tests of a file, behind either inlet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.bed import Bed


@pytest.fixture(scope="module", params=["lmtp", "smtp"])
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    with Bed(request.param) as made:
        yield made
