"""`status` tells troubles in words for people, and every word of the log that can be one has them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import relay
from relay.admin.status import Standing
from relay.cli.status_lines import WORDS, lines
from relay.cli.times import Look
from relay.telemetry.events import Event

SOURCE = Path(relay.__file__).parent
UTC = Look(full=False, utc=True)


def warned() -> set[str]:
    """The events that some module logs as a warning or an error."""
    calls = (
        node
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"warning", "error"}
    )
    return {arg.attr for call in calls for arg in call.args[:1] if isinstance(arg, ast.Attribute)}


def test_every_warning_has_words_for_people() -> None:
    found = {Event[name].value for name in warned()}
    assert {"failed", "next_hop_failed", "not_reloaded"} <= found
    assert found <= WORDS.keys()
    assert set(WORDS) <= {event.value for event in Event}


def told(*troubles: tuple[str, str, int]) -> list[str]:
    said = {
        "started": 0.0,
        "lacks": "",
        "workers": {"alive": 1, "configured": 1},
        "nodes": {"running": 1, "differing": 0},
        "replies": dict.fromkeys(("accepted", "deferred", "rejected"), 0),
        "certificates": dict.fromkeys(("usable", "expiring", "unusable", "proposed"), 0),
        **dict.fromkeys(("messages", "per_second", "in_progress"), 0),
        "last_encryption": None,
        "expiring": [],
        "troubles": [dict(zip(("what", "details", "count", "last"), (*each, 0.0), strict=True)) for each in troubles],
    }
    return [line.text for line in lines(Standing(said), UTC) if line.label == "trouble"]


def test_status_showed_places_in_the_code() -> None:
    assert told(
        ("next_hop_failed", "no connection: Connection refused", 3),
        ("source_asked", "wkd: the server cannot be reached", 1),
        ("untraced", "", 1),
        ("denied", "", 2),
    ) == [
        "  the next hop takes no mail: no connection: Connection refused (3 times)",
        "  no keys from wkd: the server cannot be reached",
        "  the store takes no rows of the trace",
        "  a client was turned away: see allow (2 times)",
    ]
    assert not [words for words in WORDS.values() if re.search(r"[A-Z][a-z]+Error|:[0-9]", words)]
