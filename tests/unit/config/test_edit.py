"""Values written into a configuration file: what else stands there stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.config.edit import with_values

SAMPLE = (Path(__file__).parents[3] / "config.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "key", "value", "becomes"),
    [
        ("a: 1  # why\nb: 2\n", "a", 3, "a: 3  # why\nb: 2\n"),
        ("a: 1", "b", "x y", 'a: 1\nb: "x y"\n'),
        ("", "a.b", True, "a: {b: true}\n"),
        ("# only a comment\n", "a", None, "# only a comment\na: null\n"),
        ("a:\n  b: 1\n\n# of c\nc: 2\n", "a.d", "no", 'a:\n  d: "no"\n  b: 1\n\n# of c\nc: 2\n'),
        ("a: {b: 1}\n", "a.c", [1, "x"], "a: {c: [1, x], b: 1}\n"),
        ("a: {}\n", "a.b.c", 1, "a: {b: {c: 1}}\n"),
        ("a:\n  - x\n  - y  # last\n# of b\nb: 1\n", "a", ["z"], "a:\n  [z]  # last\n# of b\nb: 1\n"),
        ("a: 'é\\'\nb: 1\n", "a", "ü", 'a: "ü"\nb: 1\n'),
    ],
)
def test_one_value_is_written_and_nothing_else(text: str, key: str, value: object, becomes: str) -> None:
    assert with_values(text, {key: value}) == becomes  # type: ignore[dict-item]  # as a test has it


def test_a_key_below_a_plain_value_is_refused() -> None:
    with pytest.raises(ValueError, match="a is no mapping"):
        with_values("a: 1\n", {"a.b": 2})


@settings(max_examples=20)
@given(
    st.one_of(st.booleans(), st.integers(), st.none(), st.text(max_size=30), st.lists(st.text(max_size=9), max_size=4))
)
def test_whatever_is_written_is_read_again_and_all_other_lines_stay(value: bool | int | str | list[str] | None) -> None:
    """Of the sample; a text may hold quotes, colons, `#`, controls."""
    keys = ("notices.contact", "lookup.sources", "sign.default", "keyring")
    written = with_values(SAMPLE, dict.fromkeys(keys, value))  # type: ignore[arg-type]  # a list of texts is a value
    read = yaml.safe_load(written)
    assert [read["notices"]["contact"], read["lookup"]["sources"], read["sign"]["default"], read["keyring"]] == [
        value
    ] * 4
    before, after = SAMPLE.splitlines(), written.splitlines()
    assert len(before) == len(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) <= len(keys)
