"""Every reply but greetings has an enhanced code."""

from __future__ import annotations

import pytest

from relay.model import Reply, replies
from relay.smtp.enhanced_status import enhanced


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ("250 OK", "250 2.0.0 OK"),
        ("221 Bye", "221 2.0.0 Bye"),
        ('500 Error: command "X\x1b" not recognized', '500 5.5.2 Error: command "X?" not recognized'),
        ("501 Syntax: RSET", "501 5.5.4 Syntax: RSET"),
        ("502 5.5.1 Too many unrecognized commands, goodbye.", "502 5.5.1 Too many unrecognized commands, goodbye."),
        ("220 relay.example ESMTP", "220 relay.example ESMTP"),
        ("354 Go", "354 Go"),
        ("451 4.3.0 Temporary failure", "451 4.3.0 Temporary failure"),
    ],
)
def test_every_reply_but_greetings_has_an_enhanced_code(plain: str, expected: str) -> None:
    assert enhanced(plain) == expected


def test_the_replies_to_commands_have_one_of_their_own() -> None:
    own = [value for value in vars(replies).values() if isinstance(value, Reply)]
    assert len(own) > 20
    assert all(enhanced(str(reply)) == str(reply) for reply in own)
