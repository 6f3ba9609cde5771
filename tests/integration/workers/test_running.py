"""One worker's process as its supervisor sees it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab.clock import leap
from lab.relay import Relay

from relay import config
from relay.config import Endpoint
from relay.daemon import worker_handle
from relay.daemon.role import WorkerSpec
from relay.daemon.worker_handle import WorkerHandle
from relay.model.errors import RelayError
from relay.smtp.listening import Reserved


@contextmanager
def spec(relay: Relay) -> Iterator[WorkerSpec]:
    reserved = Reserved(Endpoint.parse(f"lmtp://127.0.0.1:{relay.port}"))
    try:
        yield WorkerSpec(1, relay.file, config.load(relay.file), reserved.descriptors, beat=0.1)
    finally:
        reserved.release()


def unheard(_number: int, _report: dict[str, object]) -> None:
    """What it counts."""


async def test_one_that_stands_still_is_killed_and_one_that_serves_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    beat = asyncio.Event()
    take = WorkerHandle._take

    def heard(self: WorkerHandle, said: dict[str, object]) -> None:
        take(self, said)
        beat.set()

    monkeypatch.setattr(WorkerHandle, "_take", heard)
    with Relay() as relay, spec(relay) as given:
        worker = await WorkerHandle.start(given, unheard)
        assert await worker.ready == [f"lmtp://127.0.0.1:{relay.port}"]
        for _ in range(4):
            beat.clear()
            await beat.wait()
            leap(0.4 * worker_handle.SILENCE)
        assert await worker.reload(config.load(relay.file)) is True

        worker.child.signal(signal.SIGSTOP)
        while worker.child.status is None:
            await asyncio.sleep(0.05)
            leap(0.4 * worker_handle.SILENCE)

        assert await worker.child.wait() == -signal.SIGKILL
        assert await worker.reload(config.load(relay.file)) is None
        await worker.close()


async def test_one_that_cannot_serve_says_why() -> None:
    with Relay({"sign": {"default": "nobody@front.example"}}) as relay, spec(relay) as given:
        worker = await WorkerHandle.start(given, unheard)

        with pytest.raises(RelayError, match=r"nobody@front\.example"):
            await worker.ready
        assert await worker.child.wait() == 1
        await worker.close()
