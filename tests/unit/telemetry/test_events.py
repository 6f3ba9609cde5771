"""What may be logged of an exception, and that the page on monitoring has every event."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.telemetry import events


def test_an_exception_is_its_type_and_place() -> None:
    with pytest.raises(ValueError, match="stood") as raised:
        int("what stood in the mail")
    told = events.unforeseen(raised.value)
    assert told["error"] == "ValueError"
    assert told["at"].startswith("test_an_exception_is_its_type_and_place:")
    assert "stood" not in str(told)


ROOT = Path(__file__).resolve().parents[3]
ROW = re.compile(r"^\| `(\w+)` \| (debug|info|warning|error) \| \S.*\|$", re.MULTILINE)


def written() -> set[tuple[str, str]]:
    """Each event that the program writes, with its level."""
    found: set[tuple[str, str]] = set()
    for file in (ROOT / "relay").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)):
            name = ast.unparse(call.args[0]) if call.args else ""
            if isinstance(call.func, ast.Attribute) and re.fullmatch(r"(events\.)?Event\.\w+", name):
                found.add((events.Event[name.rpartition(".")[2]].value, call.func.attr))
    return found


def test_the_page_on_monitoring_has_each_event_that_is_written_with_its_level_and_no_other(
    record_property: Callable[[str, object], None],
) -> None:
    section = (ROOT / "docs" / "monitoring.md").read_text().partition("\n## The log\n")[2].partition("\n## ")[0]
    rows = ROW.findall(section)
    record_property("counted", f"{len(rows)} events")
    assert sorted(rows) == sorted(written())
    assert {event for event, _ in rows} == set(events.Event)
