"""Messages for PyYAML's errors, for the person who wrote the file."""

from __future__ import annotations

import yaml

_QUOTES = "put the value in quotes"
_SENTENCES: tuple[tuple[str, str], ...] = (
    ("'\\t'", "a tab: YAML is indented with blanks"),
    ("single document", "a second document begins here: a configuration is one"),
    ("while scanning an alias", f"a value begins with *, which has a meaning of its own in YAML: {_QUOTES}"),
    ("while scanning an anchor", f"a value begins with &, which has a meaning of its own in YAML: {_QUOTES}"),
    ("undefined alias", f"a value begins with *, which has a meaning of its own in YAML: {_QUOTES}"),
    ("cannot start any token", f"a value begins with a character that has a meaning of its own in YAML: {_QUOTES}"),
    (
        "mapping values are not allowed",
        f"a second colon, or more blanks in front than above: {_QUOTES}, or align the line",
    ),
    ("sequence entries are not allowed", "a list item (- …) stands behind its key: write it in the next line"),
    ("could not find expected ':'", "a key without its colon: write key: value"),
    ("unknown escape character", "a backslash in double quotes: put the value in single quotes"),
    ("quoted scalar", "a quote is not closed"),
    ("flow sequence", "a [ is not closed, or a comma is missing"),
    ("flow mapping", "a { is not closed, or a comma is missing"),
    ("<block end>", "this line does not continue those above: align it with its neighbours, and close every quote"),
)
_OTHERWISE = "this cannot be read as YAML: look at blanks in front, quotes and brackets"


def sentence(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, and where it began if that is another line."""
    said = f"{error.context} {error.problem}"
    told = next((words for mark, words in _SENTENCES if mark in said), _OTHERWISE)
    here, begun = error.problem_mark, error.context_mark
    if here and begun and begun.line != here.line and "second document" not in told:
        told += f" (it begins in line {begun.line + 1})"
    return told
