"""`held` knows from the trace who waits: each mail once over its retries, and not any more once it was decided anew."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from lab.program import program

from relay.model import Record
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


async def test_a_hundred_thousand_rows_of_retries_are_looked_through_fast(
    tmp_path: Path, record_property: pytest.RecordProperty
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
