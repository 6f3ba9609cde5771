"""`held` knows from the trace who waits: each mail once over its retries, and not any more once it was decided anew."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.program import program
from lab.synthetic import certificate, entry

from relay.admin import released as releasing
from relay.config import parse
from relay.model import Record
from relay.model.binding import Binding
from relay.process import postqueue
from relay.store import Store

DAY = 86400.0
FIELDS = ["queue_id", "sender", "recipient", "rule", "reason", "since", "until"]


def row(at: float, queue_id: str, to: str, action: str = "hold", *, shadow: bool = False) -> Record:
    reason = "no key is known"
    names = ("a@hopital.example", to, action, "marked", reason, "", "", "450 4.7.1", 1)
    return Record(at, f"id{at}", queue_id, f"<{queue_id}@h>", *names, shadow=shadow)


async def written(folder: Path, rows: list[Record]) -> None:
    await asyncio.to_thread(folder.mkdir, mode=0o700)
    async with await Store.open(folder / "store.db") as store:
        for start in range(0, len(rows), 1000):
            await store.trace.write(rows[start : start + 1000])


def test_each_mail_that_waits_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    rows = [
        row(now - 9 * DAY, "4OLD00", "given-up@ville.example"),
        row(now - 2 * DAY, "4AAAA1", "waits@ville.example"),
        row(now - 2 * DAY, "4AAAA1", "other@ville.example"),
        row(now - DAY, "4AAAA1", "other@ville.example", "encrypt"),
        row(now - DAY, "4AAAA1", "Waits@Ville.example"),
        row(now - 3600, "4BBBB2", "waits@ville.example"),
        row(now - 60, "4AAAA1", "waits@ville.example"),
        row(now - 50, "4CCCC3", "shadow@ville.example", shadow=True),
        row(now - 40, "4DDDD4", "sent@ville.example", "clear"),
    ]
    asyncio.run(written(tmp_path / "keyring", rows))
    file = tmp_path / "config.yaml"
    file.write_text("policy: []\nlookup: {sources: [keyring]}\n")

    told = json.loads(program(capsys, "-c", file, "held", "--json").out)

    assert [list(mail) for mail in told] == [FIELDS, FIELDS]
    assert [(mail["queue_id"], mail["recipient"].lower()) for mail in told] == [
        ("4AAAA1", "waits@ville.example"),
        ("4BBBB2", "waits@ville.example"),
    ]
    assert told[0]["since"] == time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now - 2 * DAY))
    assert told[0]["until"] == time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now + 3 * DAY))
    header, *lines = program(capsys, "-c", file, "held").out.splitlines()
    assert header.split("\t") == ["recipient", "since", "until", "reason", "queue id", "sender", "rule"]
    assert len(lines) == 2


def test_a_mail_that_postfix_was_not_asked_for_was_told_as_no_mail_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = [row(time.time() - 60, queue_id, f"{queue_id}@ville.example") for queue_id in ("4AAAA1", "4BBBB2")]
    asyncio.run(written(tmp_path / "keyring", waiting))
    (tmp_path / "postqueue").write_text('#!/bin/sh\n[ "$2" = 4AAAA1 ]\n')
    (tmp_path / "postqueue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    file = tmp_path / "config.yaml"
    file.write_text("policy: []\nlookup: {sources: [keyring]}\n")

    ids = ("4CCCC3", "4BBBB2", "4AAAA1")
    asked = program(capsys, "-c", file, "held", "--json", *(word for each in ids for word in ("--flush", each)))
    assert (asked.status, [mail["queue_id"] for mail in json.loads(asked.out)]) == (1, ["4AAAA1"])
    assert asked.err == "4BBBB2: Postfix did not take the request\n4CCCC3: no held mail has this queue id\n"
    nothing = program(capsys, "-c", file, "held", "--flush", "4CCCC3")
    assert (nothing.status, nothing.out) == (1, "")
    done = program(capsys, "-c", file, "held", "--flush", "4AAAA1")
    assert (done.status, done.err, done.out.count("4AAAA1@ville.example")) == (0, "", 1)


def program_in(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("leads", "queued", "told"),
    [
        ("pgp-relay:[127.0.0.1]:10025", '{"queue_id": "4BBBB2"}', ["4AAAA1"]),
        ("pgp-relay:[127.0.0.1]:10025", "postqueue: fatal: mail system is down", []),
        ("pgp-relay:[127.0.0.1]:10099", '{"queue_id": "4BBBB2"}', []),
        ("", '{"queue_id": "4BBBB2"}', []),
    ],
)
def test_a_mail_that_was_deleted_from_the_queue_looked_like_one_that_waits(  # noqa: PLR0913, PLR0917  what a test is given
    leads: str,
    queued: str,
    told: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is named where the queue is at hand in which it waited."""
    waiting = [row(time.time() - 60, queue_id, f"{queue_id}@ville.example") for queue_id in ("4AAAA1", "4BBBB2")]
    asyncio.run(written(tmp_path / "keyring", waiting))
    program_in(tmp_path, "postconf", f'[ "$2" = content_filter ] && echo "{leads}" || echo')
    program_in(tmp_path, "postqueue", f"[ $1 = -j ] && echo '{queued}'")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    file = tmp_path / "config.yaml"
    file.write_text("policy: []\nlookup: {sources: [keyring]}\n")

    done = program(capsys, "-c", file, "held")
    assert (done.status, done.out.count("@ville.example")) == (0, 2)
    assert [line.split()[0] for line in done.err.splitlines()] == told


OTHER_MACHINES = "plaintext_network: true\nallow: [127.0.0.0/8, 192.0.2.0/24]\nlisten: "


@pytest.mark.parametrize(
    ("listen", "told"),
    [
        ("['lmtp://127.0.0.1:10025', 'lmtp:///run/relay.sock']", ["4AAAA1"]),
        ("['lmtp://0.0.0.0:10025']", []),
        ("['lmtp://127.0.0.1:10025', 'smtp://192.0.2.1:10025']", []),
    ],
)
def test_a_mail_in_the_queue_of_another_machines_postfix_was_said_to_be_deleted(
    listen: str, told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(written(tmp_path / "keyring", [row(time.time() - 60, "4AAAA1", "bob@ville.example")]))
    program_in(tmp_path, "postconf", '[ "$2" = content_filter ] && echo "pgp-relay:[127.0.0.1]:10025" || echo')
    program_in(tmp_path, "postqueue", "true")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    file = tmp_path / "config.yaml"
    file.write_text(f"policy: []\nlookup: {{sources: [keyring]}}\n{OTHER_MACHINES}{listen}\n")

    done = program(capsys, "-c", file, "held")
    assert (done.status, done.out.count("@ville.example")) == (0, 1)
    assert [line.split()[0] for line in done.err.splitlines()] == told


async def test_a_queue_of_any_size_was_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that is too large nothing is known."""
    mails, line = 10_000, '{"queue_id": "4AAAA1"}'
    program_in(tmp_path, "postqueue", f"yes '{line}' | head -n {mails}; echo over > {tmp_path}/end")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    size = mails * len(f"{line}\n")
    monkeypatch.setattr(postqueue, "LARGEST", size, raising=False)
    assert await postqueue.queued() == frozenset({"4AAAA1"})
    (tmp_path / "end").unlink()
    monkeypatch.setattr(postqueue, "LARGEST", size - 1)
    assert await postqueue.queued() is None
    assert (tmp_path / "end").exists(), "what it printed was read to its end"


def test_a_mail_that_postfix_has_not_tried_for_a_day_was_held_for_five(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.time()
    tries = [("4AAAA1", 2 * DAY), ("4AAAA1", 1.5 * DAY), ("4BBBB2", 2 * DAY), ("4BBBB2", 3600)]
    rows = [row(now - ago, queue_id, "bob@ville.example") for queue_id, ago in tries]
    asyncio.run(written(tmp_path / "keyring", rows))
    file = tmp_path / "config.yaml"
    file.write_text("policy: []\nlookup: {sources: [keyring]}\n")
    (mail,) = json.loads(program(capsys, "-c", file, "held", "--json").out)
    assert mail["queue_id"] == "4BBBB2"


async def test_a_hundred_thousand_rows_of_retries_are_looked_through_fast(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    now = time.time()
    rows = [row(now - DAY + n, f"4{n % 1000:05X}", f"b{n % 1000}@ville.example") for n in range(50_000)]
    await written(tmp_path / "keyring", rows)
    async with await Store.open(tmp_path / "keyring" / "store.db") as store:
        begun = time.process_time()
        found = await store.trace.held(now - 5 * DAY)
        took = time.process_time() - begun
    record_property("counted", f"{len(found)} mails held, found in {took:.3f} s")
    assert len(found) == 1000


async def test_the_mails_that_a_key_releases_are_those_whose_recipient_it_is_used_for(tmp_path: Path) -> None:
    now = time.time()
    tags = [("4AAAA1", "bob@ville.example"), ("4BBBB2", "bob+x@ville.example"), ("4CCCC3", "ann@ville.example")]
    rows = [row(now - n, queue_id, to) for n, (queue_id, to) in enumerate(tags)]
    config = parse(b"policy: []\nlookup: {sources: [keyring]}\n", tmp_path / "config.yaml")
    bob, dead = certificate("bob", "bob@ville.example"), certificate("dead", "ann@ville.example", revoked=True)
    async with await Store.open(tmp_path / "store.db") as store:
        await store.trace.write(rows)
        await store.certificates.upsert([entry(bob), entry(dead)])

        async def released(*fingerprints: str) -> list[str]:
            return sorted(mail.queue_id for mail in await releasing.released(config, store, fingerprints))

        assert await released(bob.fingerprint) == ["4AAAA1", "4BBBB2"]
        assert await released(dead.fingerprint) == await released() == []
        await store.bindings.put([Binding("*@ville.example", (bob.fingerprint,))])
        assert await released(bob.fingerprint) == ["4AAAA1", "4BBBB2"], "an imported key that is revoked comes first"
        await store.certificates.remove(dead.fingerprint)
        assert await released(bob.fingerprint) == ["4AAAA1", "4BBBB2", "4CCCC3"]


async def test_postfix_is_asked_for_one_mail_at_a_time_and_only_for_what_is_a_queue_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "asked"
    program = tmp_path / "postqueue"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >> {log}; echo >> {log}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    odd = ["", "-f", "4AAAA1; reboot", "4AAAA1\n", "../4AAAA1", "ALL"]
    assert await postqueue.flush(["4AAAA1", *odd, "4DKjw54HdwzPjnP", "4AAAA1"]) == ["4AAAA1", "4DKjw54HdwzPjnP"]
    assert log.read_text() == "-i|4AAAA1|\n-i|4DKjw54HdwzPjnP|\n"
