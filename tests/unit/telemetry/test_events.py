"""The log's two formats: a line names its event and both ids of the mail; of an exception only type and place."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from relay.model import Envelope, Inbound, Why
from relay.telemetry import events


def mail() -> Inbound:
    envelope = Envelope(None, (), xforward=(("IDENT", "4FQUEUE"),))
    now = datetime(2026, 11, 25, tzinfo=UTC)
    return Inbound(
        "1M85YNFJQFTMGK1", envelope, b"Subject: s\r\n\r\nb\r\n", now, "::1", "c", "LMTP", single_answer=False
    )


@pytest.mark.parametrize("fmt", ["console", "json"])
def test_a_line_names_the_event_and_both_ids(fmt: str, capsys: pytest.CaptureFixture[str]) -> None:
    events.configure(level="info", fmt=fmt)
    events.of(mail()).info(events.Event.RELAYED, recipients=1)
    (line,) = capsys.readouterr().err.splitlines()
    assert all(word in line for word in ("relayed", "1M85YNFJQFTMGK1", "4FQUEUE"))
    assert "\x1b" not in line
    assert fmt == "console" or json.loads(line)["event"] == "relayed"


def test_a_level_leaves_out_what_is_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    events.configure(level="warning")
    events.of(mail()).info(events.Event.RELAYED)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("fmt", ["console", "json"])
def test_outside_text_makes_no_second_line(fmt: str, capsys: pytest.CaptureFixture[str]) -> None:
    events.configure(level="info", fmt=fmt)
    events.log().info(events.Event.DENIED, peer="a\r\nready listen=evil\x1b[2J")
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said


@pytest.mark.parametrize("fmt", ["console", "json"])
def test_a_reason_was_shown_as_python_writes_it(fmt: str, capsys: pytest.CaptureFixture[str]) -> None:
    events.configure(level="info", fmt=fmt)
    events.log().info(events.Event.REFUSED, reason=Why.NO_KEY)
    said = capsys.readouterr().err
    assert "no key is known" in said
    assert "Why" not in said


def test_an_exception_is_its_type_and_place() -> None:
    with pytest.raises(ValueError, match="stood") as raised:
        int("what stood in the mail")
    told = events.unforeseen(raised.value)
    assert told["error"] == "ValueError"
    assert told["at"].startswith("test_an_exception_is_its_type_and_place:")
    assert "stood" not in str(told)
