"""Which XFORWARD IDENT is a queue id of Postfix, and stands in log and trace."""

import pytest

from relay.model import Envelope


def queue_id(ident: str) -> str:
    return Envelope(None, (), xforward=(("NAME", "c.example"), ("IDENT", ident))).queue_id


@pytest.mark.parametrize("ident", ["4F3ABC", "9E58A2188D4", "4bWkLm0Y3Bz1xPq", "3Pt2mN2VXxznjll"])
def test_a_queue_id_short_or_long(ident: str) -> None:
    assert queue_id(ident) == ident


@pytest.mark.parametrize(
    "ident", ["Mme+20Dupont", "Dupont", "4f3abc", "AB", "[UNAVAILABLE]", "4F3-ABC", "A" * 300, "", "-i"]
)
def test_any_other_text_is_none(ident: str) -> None:
    """It came into each line of the log and into the trace."""
    assert queue_id(ident) == ""
