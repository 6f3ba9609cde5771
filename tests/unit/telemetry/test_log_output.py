"""The log's two formats: a line names its event and both ids of the mail; of an exception only type and place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import pytest

from relay.model import Envelope, Inbound, Why
from relay.model.errors import NextHopError
from relay.telemetry import events, log_output


def mail() -> Inbound:
    envelope = Envelope(None, (), xforward=(("IDENT", "4F3ABC"),))
    now = datetime(2026, 11, 25, tzinfo=UTC)
    return Inbound(
        "1M85YNFJQFTMGK1", envelope, b"Subject: s\r\n\r\nb\r\n", now, "::1", "c", "LMTP", single_answer=False
    )


@pytest.mark.parametrize("fmt", ["console", "json"])
def test_a_line_names_the_event_and_both_ids(fmt: str, capsys: pytest.CaptureFixture[str]) -> None:
    log_output.configure(level="info", fmt=fmt)
    events.of(mail()).info(events.Event.NEXT_HOP_REPLIED, recipients=1)
    (line,) = capsys.readouterr().err.splitlines()
    assert all(word in line for word in ("next_hop_replied", "1M85YNFJQFTMGK1", "4F3ABC"))
    assert "\x1b" not in line
    assert fmt == "console" or json.loads(line)["event"] == "next_hop_replied"


def test_a_level_leaves_out_what_is_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    log_output.configure(level="warning")
    events.of(mail()).info(events.Event.NEXT_HOP_REPLIED)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("fmt", ["console", "json"])
def test_outside_text_makes_no_second_line(fmt: str, capsys: pytest.CaptureFixture[str]) -> None:
    log_output.configure(level="info", fmt=fmt)
    events.log().info(events.Event.DENIED, peer="a\r\nready listen=evil\x1b[2J")
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said


@pytest.mark.parametrize("fmt", ["console", "json"])
@pytest.mark.parametrize(
    "char", "\x00\x07\x1b\x7f\x85\x9b\xad\u061c\u200b\u200e\u2028\u2029\u202e\u2066\ufeff\U000e0041\udc9b"
)
def test_what_a_terminal_or_a_reader_would_obey_is_escaped(
    fmt: str, char: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log_output.configure(level="info", fmt=fmt)
    events.log().info(events.Event.DENIED, peer=f"a{char}b", helo="h\N{LATIN SMALL LETTER E WITH ACUTE}")
    events.log().info(events.Event.HANDLED, outcomes=[{"reason": f"a{char}b"}])
    said = capsys.readouterr().err
    assert char not in said
    assert len(said.splitlines()) == 2
    assert all(f"{ord(char):04x}" in line for line in said.splitlines())


def test_an_observer_sees_what_the_level_leaves_out_with_the_fields_of_every_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[tuple[str, Mapping[str, object]]] = []
    log_output.configure(level="info", seen=lambda level, fields: seen.append((level, fields)), worker=3)
    events.log().debug(events.Event.RECEIVED, size=5)
    events.log().bind(shadow=True).warning(events.Event.CROWDED)
    assert seen == [
        ("debug", {"worker": 3, "event": "received", "size": 5}),
        ("warning", {"worker": 3, "event": "crowded"}),
    ]
    assert "received" not in (said := capsys.readouterr().err)
    assert "worker=3" in said
    assert "shadow=True" in said


@pytest.mark.parametrize("fmt", ["console", "json"])
def test_a_reason_was_shown_as_python_writes_it(fmt: str, capsys: pytest.CaptureFixture[str]) -> None:
    log_output.configure(level="info", fmt=fmt)
    events.log().info(events.Event.DECIDED, reason=Why.NO_KEY)
    said = capsys.readouterr().err
    assert "no key is known" in said
    assert "Why" not in said


def raised(text: str) -> NextHopError:
    with pytest.raises(NextHopError) as caught:
        raise NextHopError(text)
    return caught.value


@pytest.mark.parametrize("fmt", ["console", "json"])
def test_what_was_foreseen_is_told_in_words_and_its_place_at_debug_alone(
    fmt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for level, there in (("info", False), ("debug", True)):
        log_output.configure(level=level, fmt=fmt)
        events.log().warning(
            events.Event.NEXT_HOP_FAILED, recipients=1, **events.unforeseen(raised("no answer in time"))
        )
        said = capsys.readouterr().err
        assert "no answer in time" in said
        assert ("NextHopError" in said, "raised:" in said) == (there, there)


def test_what_nobody_foresaw_keeps_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    log_output.configure(level="info")
    with pytest.raises(ValueError, match="x") as caught:
        raise ValueError("x of a mail")
    events.log().error(events.Event.FAILED, **events.unforeseen(caught.value))
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "test_what_nobody_foresaw_keeps_its_place:" in said
    assert "of a mail" not in said


def test_the_log_showed_faults_as_a_list_of_pythons(capsys: pytest.CaptureFixture[str]) -> None:
    log_output.configure(level="info")
    events.log().error(events.Event.NOT_RELOADED, faults=["config.yaml:3: no", "config.yaml:5: neither"])
    said = capsys.readouterr().err
    assert "config.yaml:3: no; config.yaml:5: neither" in said
    assert "['" not in said


def test_the_journal_showed_each_time_twice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for by_journal in (False, True):
        monkeypatch.setattr("relay.telemetry.log_output.journal.reads_standard_error", partial(bool, by_journal))
        log_output.configure(level="info", fmt="json")
        events.log().info(events.Event.READY)
        said = capsys.readouterr().err
        assert ("timestamp" in said, said.startswith("<6>")) == (not by_journal, by_journal)
