"""A large message is sent slice by slice: cuts must not show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.smtp import data

PIECES = st.lists(st.sampled_from([b"\r\n", b".", b"\r\n.", b"a", b"\r\n..", b"\r", b"\n"]), max_size=20)


@given(pieces=PIECES, size=st.integers(1, 7))
def test_what_was_stuffed_comes_out_the_same_wherever_the_slices_are_cut(pieces: list[bytes], size: int) -> None:
    content = b"".join(pieces) + b"\r\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "SLICE", size)
        body = data.Body(1000)
        assert body.feed(b"".join(data.stuffed(content))) == b""
        assert body.content() == content
