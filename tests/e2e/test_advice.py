"""The orders to Postfix that messages tell people to give, given to a running one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.postfix import Postfix
from lab.sink import Sink

ORDERS = ["postfix reload", "postsuper -r ALL", "postsuper -H ALL", "postqueue -p"]


@pytest.fixture(scope="module")
def mta() -> Iterator[Postfix]:
    with Sink() as sink, Postfix(relayhost=sink.port) as running:
        yield running


@pytest.mark.parametrize("order", ORDERS)
def test_postfix_takes_it(mta: Postfix, order: str) -> None:
    mta.command(*order.split())
