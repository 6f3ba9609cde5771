"""The short soak under fire; `python -m lab.soak --messages 5000` is a long one."""

from __future__ import annotations

import pytest
from lab.soak import soak


@pytest.mark.timeout(600)  # for a busy machine
def test_under_fire_every_message_reaches_each_of_its_recipients_once() -> None:
    tally = soak(150, most_between=120)

    print(tally)
    assert tally.kills
    assert tally.missing == []
    assert tally.wrong == []
    assert tally.unexplained == []
