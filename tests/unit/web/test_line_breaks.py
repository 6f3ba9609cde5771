"""A long address goes on in the next line behind its @ and its dots; what is in it stays text."""

from __future__ import annotations

import pytest

from relay.web.pages.line_breaks import SHORT, breakable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dr.roux@chu.example", "dr.roux@chu.example"),
        ("dr.martin@hopital.example", "dr.<wbr>martin@<wbr>hopital.<wbr>example"),
        (
            "secretariat.cardiologie@chu.hopital.example",
            "secretariat.<wbr>cardiologie@<wbr>chu.<wbr>hopital.<wbr>example",
        ),
        ("a@x.example, " + "b" * SHORT + "@x.example", "a@x.example, " + "b" * SHORT + "@<wbr>x.<wbr>example"),
        ("<script>alert(document.cookie)</script>", "&lt;script&gt;alert(document.<wbr>cookie)&lt;/script&gt;"),
        ("x" * SHORT + "@.<b>", "x" * SHORT + "@.<wbr>&lt;b&gt;"),
        ("", ""),
    ],
)
def test_only_a_long_word_may_be_broken_and_only_behind_its_signs(text: str, shown: str) -> None:
    assert str(breakable(text)) == shown
