"""One site for a module's commands: a folder with a configuration and a keyring, nothing that runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.relay import Relay


@pytest.fixture(scope="module")
def site() -> Iterator[Relay]:
    with Relay({"reinject": "smtp://127.0.0.1:1"}) as made:
        yield made
