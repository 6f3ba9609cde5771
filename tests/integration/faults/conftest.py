"""One relay for all tests of a file, by way of either inlet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.bed import DEADLINES, Bed


@pytest.fixture(scope="module")
def shared_bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    """With the file's own `DEADLINES`, where it has some."""
    with Bed({"deadlines": {**DEADLINES, **getattr(request.module, "DEADLINES", {})}}) as made:
        yield made


@pytest.fixture(params=["lmtp", "smtp"])
def bed(request: pytest.FixtureRequest, shared_bed: Bed) -> Iterator[Bed]:
    before = shared_bed.relay.settings
    yield shared_bed.over(request.param)
    if shared_bed.relay.settings != before:
        shared_bed.reload(before)
