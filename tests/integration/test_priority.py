"""Who gives way to whom: a process in the relay's session, and one whose session gives way to everybody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab.processes import as_nice, nice_of

from relay.process.pool_worker import APART, PROGRAM, PoolWorker
from relay.process.worker_process import NICE

needs_autogroups = pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="the kernel has no autogroups")


@needs_autogroups
def test_deriving_a_key_took_half_a_processor_from_programs_of_other_sessions() -> None:
    """Its priority counted within the relay's session alone: Postfix waited up to 5 ms each time that it had work."""
    worker = PoolWorker(APART)
    try:
        assert worker.run(60, (os.getsid, (0,), {})) == worker.pid
        assert nice_of(worker.pid) == as_nice(NICE)
        assert Path(f"/proc/{worker.pid}/autogroup").read_text().split()[-1] == str(as_nice(NICE))
    finally:
        worker.kill()


@needs_autogroups
def test_what_gives_way_to_the_relay_alone_leaves_its_session_as_it_is() -> None:
    before = Path("/proc/self/autogroup").read_text()
    worker = PoolWorker(PROGRAM)
    try:
        assert worker.run(60, (os.getsid, (0,), {})) == os.getsid(0)
        assert nice_of(worker.pid) == as_nice(NICE)
        assert Path("/proc/self/autogroup").read_text() == before
    finally:
        worker.kill()
