"""The one line that a mail has at level info: all that an administrator asks for, in no line that the journal cuts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lab.fakes import found, inbound
from lab.outgoing import Bench

from relay.pipeline.outcome import IN_A_LINE
from relay.policy import Encryption, Rule
from relay.telemetry import log_output

LINE_MAX = 48 * 1024
"""Octets: systemd's default."""
PREFERRED = Rule(name="preferred", encrypt=Encryption.PREFERRED)
B = "b@there.example"
C = "c@there.example"


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) < LINE_MAX
    return [json.loads(line) for line in lines]


async def test_a_mail_has_one_line_with_decision_rule_and_reply_of_each_recipient(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_output.configure(level="info", fmt="json")
    await Bench(PREFERRED, answers={B: found(B)}).run(inbound(B, C))
    (line,) = told(capsys)
    assert (line["event"], line["id"], line["queue_id"], line["recipients"]) == ("handled", "id1", "", 2)
    assert line["seconds"] >= 0
    encrypted, clear = line["outcomes"]
    assert (encrypted["recipient"], clear["recipient"]) == (B, C)
    assert (encrypted["action"], encrypted["rule"], encrypted["reply"]) == ("encrypt", "preferred", "250 2.0.0")
    assert (clear["action"], clear["reason"], clear["reply"]) == ("clear", "no key is known", "250 2.0.0")


@pytest.mark.parametrize("answers", [{}, {B: found(B)}])
async def test_what_was_decided_is_told_where_the_mail_stays(
    capsys: pytest.CaptureFixture[str], answers: dict[str, Any]
) -> None:
    log_output.configure(level="info", fmt="json")
    bench = Bench(PREFERRED, answers=answers)
    bench.outlet.down = True
    assert await bench.run(inbound(B)) == [451]
    line = told(capsys)[-1]
    (outcome,) = line["outcomes"]
    assert (outcome["action"], outcome["reply"]) == ("encrypt" if answers else "clear", "451 4.4.1")


async def test_a_mail_that_is_refused_as_a_whole_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    log_output.configure(level="info", fmt="json")
    await Bench().run(inbound(B, content=b"Subject: s\r\n\r\na\nb\r\n"))
    rejected, handled = told(capsys)
    assert rejected["event"] == "rejected"
    assert handled["outcomes"] == [{"recipient": B, "reply": "554 5.6.0"}]


async def test_a_mail_for_many_has_as_many_lines_as_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    log_output.configure(level="info", fmt="json")
    people = [f"{'p' * 60}{number}@{'d' * 200}.example" for number in range(2 * IN_A_LINE + 1)]
    await Bench(Rule(name="n" * 64, encrypt=Encryption.PREFERRED)).run(inbound(*people))
    lines = told(capsys)
    assert [len(line["outcomes"]) for line in lines] == [IN_A_LINE, IN_A_LINE, 1]
    assert [outcome["recipient"] for line in lines for outcome in line["outcomes"]] == people
    assert {(line["recipients"], line["id"]) for line in lines} == {(len(people), "id1")}


async def test_people_read_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    log_output.configure(level="info")
    await Bench(PREFERRED, answers={B: found(B)}).run(inbound(B, C))
    (line,) = capsys.readouterr().err.splitlines()
    assert f"recipient={B} action=encrypt rule=preferred" in line
    assert "{" not in line
