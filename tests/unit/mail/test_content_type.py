"""A Content-Type as octets: one reading, or none."""

from __future__ import annotations

import pytest

from relay.mail import content_type
from relay.mail.headers import Field


@pytest.mark.parametrize(
    ("value", "parameters"),
    [
        (b'a/b ; c = d (e) ;; f="g\\"h"(i)', None),
        (b'a/b ; c = d (e) ; f="g\\"h"(i);', {"c": b"d", "f": b'g"h'}),
        (b"a/b; c=d(e)", {"c": b"d(e)"}),
        (b"a/b; c=(d", {"c": b"(d"}),
        (b"a/b; c=((d)", {"c": b"((d)"}),
        (b"a/b; c=(e)d", {"c": b"d"}),
        (b"a/b; c=(d)", None),  # a comment is no value
        (b"a/b; c=(d)(e", {"c": b"(e"}),
        (b"a/b; c= (d) ;", None),
        (b'a/b; c="d', None),
        (b'a/b; c="d\\"', None),
    ],
)
def test_parameters(value: bytes, parameters: dict[str, bytes] | None) -> None:
    found = content_type.parse(Field(b"Content-Type: " + value))
    assert (found and {one.name: one.value for one in found.parameters}) == parameters
