from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.admin.postfix import block


def ours(entry: bytes) -> bool:
    return entry.startswith(b"ours ")


ENTRIES = b"ours a\n  -o x\nours b\n"
line = st.sampled_from([b"", b"# note", b"  -o more", b"name = value", b"\tindented", b"smtp inet n", b"  # aside"])
files = st.lists(line).map(b"\n".join)


@given(files)
def test_what_was_put_in_is_taken_out_byte_for_byte(before: bytes) -> None:
    rest, mine = block.part(block.begin(before) + ENTRIES, ours)

    assert rest == before
    assert mine.endswith(ENTRIES)


@given(files)
def test_a_file_without_our_lines_is_left_alone(file: bytes) -> None:
    assert block.part(file, ours) == (file, b"")


@given(files, st.lists(st.sampled_from([b"# note", b"name = value", b"theirs inet\n  -o y"])).map(b"\n".join))
def test_what_was_added_behind_our_lines_stays(before: bytes, after: bytes) -> None:
    rest, _ = block.part(block.begin(before) + ENTRIES + after, ours)

    assert rest.endswith(after)
    assert rest.startswith(before)


def test_what_was_added_between_our_lines_stays() -> None:
    file = block.begin(b"a\n") + b"ours a\n  -o x\ntheirs\n  -o y\n# why\nours b\n"

    assert block.part(file, ours).rest == b"a\ntheirs\n  -o y\n# why\n"


def test_options_behind_a_comment_inside_our_entry_go_with_it_and_not_to_the_service_before() -> None:
    file = block.begin(b"smtp inet\n") + b"ours a\n  -o x\n# changed in May\n\n  -o y\n"

    assert block.part(file, ours).rest == b"smtp inet\n"


@pytest.mark.parametrize("before", [b"a = b", b""])
def test_a_last_line_without_its_newline_is_not_glued_to_ours(before: bytes) -> None:
    file = block.begin(before) + ENTRIES

    assert b"\nours a\n" in file
    assert block.part(file, ours).rest == before


def test_a_newline_that_was_missing_stays_when_something_was_written_behind() -> None:
    assert block.part(block.begin(b"a = b") + ENTRIES + b"c = d\n", ours).rest == b"a = b\nc = d\n"
