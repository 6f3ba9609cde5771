"""One relay for all tests of a file, by way of either inlet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.bed import Bed


@pytest.fixture(scope="module")
def shared_bed() -> Iterator[Bed]:
    with Bed() as made:
        yield made


@pytest.fixture(params=["lmtp", "smtp"])
def bed(request: pytest.FixtureRequest, shared_bed: Bed) -> Bed:
    return shared_bed.over(request.param)
