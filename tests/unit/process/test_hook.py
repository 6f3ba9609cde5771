"""A program of the site's own is given lines, judged by its status, and killed when its time is over."""

from __future__ import annotations

import asyncio
import gc
import os
import select
from pathlib import Path

import pytest
from lab.clock import leap
from lab.waiting import until

from relay.process import hook


def program(folder: Path, text: str) -> Path:
    file = folder / "hook"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return file


def ends(process: int, within: float = 10) -> bool:
    """Whether it is dead by then: a signal is taken after `killpg` has returned."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], within)[0])
    finally:
        os.close(descriptor)


async def test_it_reads_the_lines_and_its_status_counts(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    assert await hook.run(program(tmp_path, f"cat > {asked}; env > {asked}.env; echo loud; exit 0"), ("a@b", "code"))
    assert asked.read_text() == "a@b\ncode\n"
    assert {line.partition("=")[0] for line in (tmp_path / "asked.env").read_text().splitlines()} <= {
        "PATH",
        "LANG",
        "PWD",
    }
    assert not await hook.run(program(tmp_path, "exit 3"), ("a@b", "code"))


@pytest.mark.parametrize("text", ["exec 0<&-; exit 0", "exit 0"])
async def test_one_that_does_not_read_is_judged_all_the_same(tmp_path: Path, text: str) -> None:
    assert await hook.run(program(tmp_path, text), ("x" * 100_000,))


async def test_that_it_closed_its_input_unread_was_reported_as_an_exception_nobody_retrieved(tmp_path: Path) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    assert await hook.run(program(tmp_path, "exec 0<&-; sleep 0.2"), ("x" * 100_000,))
    gc.collect()
    assert told == []


async def test_when_its_time_is_over_it_and_its_children_are_killed(tmp_path: Path) -> None:
    child = tmp_path / "pid"
    text = f"sleep 60 & echo $! > {child}.new; mv {child}.new {child}; wait"
    running = asyncio.create_task(hook.run(program(tmp_path, text), ("a",)))
    await until(child.exists)
    while not running.done():
        leap(hook.SECONDS)  # whenever it has begun to count
        await asyncio.sleep(0.05)
    assert not await running
    assert ends(int(child.read_text()))


async def test_one_that_cannot_be_started_did_nothing(tmp_path: Path) -> None:
    assert not await hook.run(tmp_path / "nowhere", ("a",))
