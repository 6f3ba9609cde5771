"""The trace from end to end: what one mail of each outcome leaves behind, and that nobody changes it unseen."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from lab import decided
from lab.decided import SENDER, Bench, deciding
from lab.known import KNOWN, UNKNOWN, Known
from lab.relay import PROGRAM, Relay
from lab.waiting import wait_for

MAIL = (
    f"From: {SENDER}\r\nTo: someone@ville.example\r\nSubject: canary\r\nMessage-ID: <t1@hopital.example>\r\n\r\n"
    "canary\r\n"
).encode()
FIELDS = {
    *("time", "id", "queue_id", "message_id", "sender", "recipient", "action", "rule", "reason", "fingerprint"),
    *("signed_by", "reply", "size", "direction", "mark", "binding"),
}
EACH = {
    KNOWN: ("encrypt", "everyone", "key found: keyring", "250 2.0.0"),
    UNKNOWN: ("clear", "everyone", "no key is known", "250 2.0.0"),
    "b@must.example": ("refuse", "must", "no key is known", "250 2.0.0"),
    "b@hold.example": ("hold", "wait", "no key is known", "450 4.7.1"),
    "b@hopital.example": ("clear", "inside", "the rule says never", "250 2.0.0"),
}


@pytest.fixture
def bench(known: Known) -> Iterator[Bench]:
    with deciding(known) as made:
        yield made


def send(relay: Relay, *recipients: str, content: bytes = MAIL) -> None:
    decided.send(relay, *recipients, content=content)


def test_every_decision_is_told_with_all_its_fields_and_no_content(bench: Bench) -> None:
    send(bench.relay, *EACH)
    rows = bench.relay.trace()
    assert [set(row) for row in rows] == [FIELDS] * len(EACH)
    told = {row["recipient"]: (row["action"], row["rule"], row["reason"], row["reply"]) for row in rows}
    assert told == EACH
    for row in rows:
        assert (row["queue_id"], row["message_id"], row["sender"]) == ("4F3ABC9", "<t1@hopital.example>", SENDER)
        assert row["size"] == len(MAIL)
        assert datetime.fromisoformat(row["time"]).tzinfo
    assert len({row["id"] for row in rows}) == 1
    (encrypted,) = [row for row in rows if row["action"] == "encrypt"]
    assert encrypted["fingerprint"] == bench.known.fingerprints[0]
    assert "canary" not in json.dumps(rows)


def test_it_is_asked_by_time_sender_recipient_and_id(bench: Bench) -> None:
    send(bench.relay, KNOWN, UNKNOWN)
    send(bench.relay, UNKNOWN)
    trace = bench.relay.trace
    assert len(trace()) == len(trace("--since", "1h")) == len(trace("--from", SENDER.upper())) == 3
    assert len(trace("--to", UNKNOWN)) == 2
    assert len(trace("--id", str(trace("--to", KNOWN)[0]["id"]))) == 2
    assert trace("--since", "1ms") == trace("--from", "nobody@hopital.example") == trace("--id", "none") == []
    assert bench.relay.run("trace", "--since", "soon", check=False).returncode == 2


def change(relay: Relay, *statements: str) -> None:
    with closing(sqlite3.connect(relay.keyring / "store.db")) as database, database:
        for statement in statements:
            database.execute(statement)


# Row 1 is the import of the key that KNOWN has.
CHANGES = {
    "UPDATE trace SET recipient = 'other@x.example' WHERE number = 2": "row 2: altered",
    "UPDATE trace SET action = 'pass' WHERE number = 2": "row 2: altered",
    "DELETE FROM trace WHERE number = 2": "row 2: missing",
    "DELETE FROM trace WHERE number = 1": "row 1: missing",
    "DELETE FROM trace WHERE number = 4": "row 4: missing at the end",
}


def test_a_row_that_was_altered_or_taken_out_shows(bench: Bench) -> None:
    send(bench.relay, UNKNOWN, KNOWN, "b@must.example")
    assert b"4 rows checked, the chain holds" in bench.relay.run("trace", "--verify").stdout
    file = bench.relay.keyring / "store.db"
    with closing(sqlite3.connect(file)) as database, closing(sqlite3.connect(":memory:")) as whole:
        database.backup(whole)
        for statement, told in CHANGES.items():
            database.execute(statement)
            database.commit()
            done = bench.relay.run("trace", "--verify", check=False)
            assert (done.returncode, done.stderr.decode().strip()) == (1, told)
            whole.backup(database)
    assert bench.relay.run("trace", "--verify").returncode == 0


def test_rows_cut_off_at_the_end_with_the_noted_head_show_with_the_hash_of_the_log(bench: Bench) -> None:
    send(bench.relay, UNKNOWN, KNOWN, "b@must.example")
    anchors(bench.relay, 1)
    bench.relay.stop()
    bench.relay.start()  # the newest hash is told at every start, and daily
    logged = anchors(bench.relay, 2)[-1]
    cut = "UPDATE trace_chain SET number = 3, hash = (SELECT hash FROM trace WHERE number = 3) WHERE name = 'head'"
    assert bench.relay.run("trace", "--verify", "--head", logged).returncode == 0
    change(bench.relay, cut, "DELETE FROM trace WHERE number = 4")
    assert bench.relay.run("trace", "--verify").returncode == 0
    done = bench.relay.run("trace", "--verify", "--head", logged, check=False)
    assert (done.returncode, done.stderr.decode().strip()) == (1, "row 4: missing at the end")
    assert bench.relay.run("trace", "--verify", "--head", "3:abc", check=False).returncode == 2


def anchors(relay: Relay, count: int) -> list[str]:
    def told() -> list[str] | None:
        found = [e["head"] for e in relay.events if e["event"] == "trace_head"]
        return found if len(found) >= count else None

    return wait_for(told, f"{count} heads in the log")


def test_what_is_older_than_the_retention_goes_and_the_chain_holds(bench: Bench) -> None:
    send(bench.relay, UNKNOWN, KNOWN)
    anchors(bench.relay, 1)
    bench.relay.stop()
    bench.relay.configure({**bench.relay.settings, "retention": "1ms"})
    change(bench.relay, "DELETE FROM duty WHERE name = 'retention'")
    bench.relay.start()
    wait_for(lambda: not bench.relay.trace(), "the rows have gone")
    assert anchors(bench.relay, 2)[-1].startswith("3:")
    verified = bench.relay.run("trace", "--verify").stdout
    assert b"the chain holds" in verified
    assert b"newest  3:" in verified
    send(bench.relay, UNKNOWN)
    assert b"1 rows checked" in bench.relay.run("trace", "--verify").stdout


def test_it_is_followed_while_decisions_are_made_until_it_is_interrupted(bench: Bench) -> None:
    send(bench.relay, KNOWN)
    words: list[str | Path] = [PROGRAM, "-c", bench.relay.file, "trace", "--follow", "--limit", "5", "--json"]
    words = ["env", "--default-signal=INT", *words]  # who starts the tests may ignore it, as a shell does behind &
    with subprocess.Popen(words, stdout=subprocess.PIPE) as following:
        assert following.stdout
        assert json.loads(following.stdout.readline())["recipient"] == KNOWN
        for recipient in (UNKNOWN, "b@must.example"):
            send(bench.relay, recipient)
            assert json.loads(following.stdout.readline())["recipient"] == recipient
        following.send_signal(signal.SIGINT)
        assert following.wait(20) == 130
        assert following.stdout.read() == b""
