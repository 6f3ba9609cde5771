"""Certificates beside mail: a few are judged here, many in another process, with the same verdicts."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.certificates import make_certificates, make_keypair
from lab.processes import ended
from lab.waiting import until

from relay.daemon import engines
from relay.daemon.engines import ExaminerSettings, PooledExaminer
from relay.model import Certificate
from relay.model.errors import EngineError, EngineTimeout
from relay.process.pool import LARGE, MOST_WORKERS, run, run_in_background, stop
from relay.process.pool_worker import PoolWorker


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each piece of work that another process did."""
    sizes = []

    async def counted(size: int, work: Callable[..., Awaitable[Any]], *given: object) -> object:
        sizes.append(size)
        return await run_in_background(size, work, *given)

    monkeypatch.setattr(engines, "run_in_background", counted)
    return sizes


@pytest.mark.parametrize("kind", ["gnupg", "sequoia"])
async def test_many_are_judged_in_another_process_as_they_would_be_here(
    kind: engines.Kind, elsewhere: list[int]
) -> None:
    blobs = [*make_certificates(40), b"nothing"]
    judging = ExaminerSettings(kind, 30.0)
    examiner = PooledExaminer(judging, 30.0)

    assert await examiner.examine(blobs) == await judging.examiner().examine(blobs)
    assert elsewhere == [sum(map(len, blobs))]
    (one,) = await examiner.examine(blobs[:1])
    assert isinstance(one, Certificate)
    assert len(elsewhere) == 1


@pytest.mark.parametrize("kind", ["gnupg", "sequoia"])
async def test_of_what_strangers_mail_one_key_too_is_judged_and_merged_in_another_process(
    kind: engines.Kind, elsewhere: list[int]
) -> None:
    key = make_keypair("Bob <bob@example.org>")
    judging = ExaminerSettings(kind, 30.0)
    examiner = PooledExaminer(judging, 30.0, ordinary=0)

    assert await examiner.examine([key.public]) == await judging.examiner().examine([key.public])
    merged = await examiner.merge(key.public, key.public)
    assert isinstance(merged, Certificate)
    assert elsewhere == [len(key.public), 2 * len(key.public)]


async def test_what_fails_there_fails_here(elsewhere: list[int]) -> None:
    with pytest.raises(EngineError) as failure:
        await PooledExaminer(ExaminerSettings("gnupg", -100.0), 30.0).examine(make_certificates(40))
    assert isinstance(failure.value, EngineTimeout)
    assert len(elsewhere) == 1


@pytest.fixture
def slow_gpg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """gpg that takes until it is killed; the file in which it writes its pid."""
    file = tmp_path / "pid"
    gpg = tmp_path / "gpg"
    gpg.write_text(f"#!/bin/sh\necho $$ > {file}.new && mv {file}.new {file}\nexec sleep 600\n")
    gpg.chmod(0o755)
    stop()  # what was started before has another PATH
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    yield file
    stop()


@pytest.mark.usefixtures("slow_gpg")
async def test_judging_that_was_given_up_neither_stops_large_mails_nor_gives_its_turn_away() -> None:
    examiner = PooledExaminer(ExaminerSettings("gnupg", 60.0), patience=0.5)
    blobs = make_certificates(40)
    for _ in range(MOST_WORKERS + 1):
        given_up = asyncio.create_task(examiner.examine(blobs))
        await asyncio.wait({given_up}, timeout=0.1)
        given_up.cancel()
        await asyncio.wait({given_up})
    with pytest.raises(EngineError):
        await examiner.examine(blobs)
    async with asyncio.timeout(20):
        assert await run(LARGE, len, "a large mail") == 12


def test_who_has_ended_is_not_killed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor stopped: its number may be another process's by then."""
    helper = PoolWorker()
    helper.kill()
    signals = list[object]()
    monkeypatch.setattr(os, "kill", lambda *given: signals.append(given))
    helper.kill()
    assert signals == []


async def test_gpg_ends_with_the_process_that_judges(slow_gpg: Path) -> None:
    judging = asyncio.create_task(PooledExaminer(ExaminerSettings("gnupg", 60.0), 1.0).examine(make_certificates(40)))
    await until(slow_gpg.exists)
    gpg = int(slow_gpg.read_text())  # noqa: ASYNC240  a few octets
    begun = time.monotonic()
    stop()
    await until(lambda: ended(gpg))
    with pytest.raises(EngineError):
        await judging
    assert time.monotonic() - begun < 20
