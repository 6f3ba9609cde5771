"""Several processes that serve on the same places: `workers: N`. No mail passes through this one.

`ready` is logged when all of them listen. One that ends is replaced at once; if it ends again and again soon after its
start, it is replaced after pauses that grow to half a minute, while the others serve. SIGHUP: the configuration is
read; a wrong one changes nothing, a right one reaches every worker, and those that are started later; a worker that
cannot follow the others is replaced. SIGTERM and SIGINT: all finish what is in flight; what has not ended by then is
killed; exit status 0. If this process dies, its workers see the end of their channel, finish their mails, and end.

A worker is a new process (`python -m relay.daemon.worker`), never a fork of one that runs. Raises `RelayError` with
the sentence of the first worker that cannot start; after that, all workers' faults are lines in the log.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack, suppress
from pathlib import Path

from relay import config
from relay.config import Config, Endpoint
from relay.daemon import systemd
from relay.daemon.reporting import SupervisorReporting
from relay.daemon.restart_pauses import RestartPauses
from relay.daemon.role import WorkerSpec
from relay.daemon.signals import Signals, ignore_signals
from relay.daemon.worker_handle import WorkerHandle
from relay.model.errors import ConfigError, ListenError, RelayError
from relay.process.child import use_pidfd
from relay.smtp.listening import Reserved
from relay.smtp.spread import Spread
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.telemetry.observer import Observer

_AFTER_STOP = 5.0


class Supervisor:
    """Starts, replaces and stops workers."""

    def __init__(self, path: Path, settings: Config, observer: Observer) -> None:
        self._path = path
        self._config = settings
        self._reporting = SupervisorReporting(settings.workers, observer)
        self._places: dict[Endpoint, int] = {}
        self._incoming: set[Endpoint] = set()
        self._spread: Spread | None = None
        self._workers: dict[int, WorkerHandle] = {}
        self._one_configuration = asyncio.Lock()
        """No worker starts while others are given a new one."""
        self._signals = Signals()

    async def run(self) -> None:
        """Run until a signal to stop."""
        self._signals.listen()
        try:
            await self._reporting.open(self._config)
            with ExitStack() as stack:
                self._reserve(stack)
                try:
                    await self._supervise()
                finally:
                    stack.close()  # first, so that a client that connects now is refused at once and retries later
                    await self._end_all()
        finally:
            await self._reporting.close()

    def _reserve(self, stack: ExitStack) -> None:
        for place in self._config.everywhere:
            reserved = Reserved(place)
            stack.callback(reserved.release)
            self._places |= reserved.descriptors
            self._incoming |= set(reserved.descriptors if place in self._config.inbound.listen else ())
        with suppress(OSError):  # without it, whichever worker accepts a connection keeps it
            self._spread = stack.enter_context(Spread(self._config.workers, len(self._places)))

    async def _supervise(self) -> None:
        starting = asyncio.create_task(self._start_all())
        await _either(starting, self._signals.stop)
        if starting.cancelled():
            return
        events.log().info(Event.READY, listen=starting.result(), workers=len(self._workers))
        systemd.ready()
        tasks = [
            *(asyncio.create_task(self._keep(number)) for number in self._workers),
            asyncio.create_task(self._reporting.watch()),
            asyncio.create_task(self._signals.reload_with(self._reload)),
            asyncio.create_task(systemd.keep_alive()),
        ]
        await self._signals.stop.wait()
        events.log().info(Event.STOPPING)
        systemd.stopping()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _start_all(self) -> list[str]:
        """Start all workers; returns where they listen. The first one prepares the store for the others."""
        listening = await (await self._start(0)).ready
        others = [await self._start(number) for number in range(1, self._config.workers)]
        for worker in others:
            await worker.ready
        return listening

    async def _start(self, number: int) -> WorkerHandle:
        """Start a worker."""
        async with self._one_configuration:
            shared = self._spread.shared if self._spread else None
            spec = WorkerSpec(number, self._path, self._config, self._places, frozenset(self._incoming), shared)
            worker = await WorkerHandle.start(spec, self._reporting.hear)
            self._workers[number] = worker
        return worker

    async def _ended(self, number: int) -> float:
        """Note that a worker has ended; the seconds for which it ran."""
        worker = self._workers.pop(number)
        age = worker.age
        await worker.close()
        self._reporting.lost(number)
        if self._spread:
            self._spread.lost(number)
        return age

    async def _keep(self, number: int) -> None:
        """Replace that worker for ever."""
        pauses = RestartPauses()
        while True:
            status, lasted = None, 0.0
            if worker := self._workers.get(number):
                status = await worker.child.wait()
                lasted = await self._ended(number)
            pause = pauses.after(lasted)
            events.log().error(Event.WORKER_ENDED, worker=number, status=status, pause=pause)
            await asyncio.sleep(pause)
            await self._replace(number)

    async def _replace(self, number: int) -> None:
        try:
            await (await self._start(number)).ready
        except RelayError as error:
            events.log().error(Event.FAILED, worker=number, reason=str(error))
        except Exception as error:  # noqa: BLE001  the edge: it is tried again, whatever went wrong
            events.log().error(Event.FAILED, worker=number, **events.unforeseen(error))

    async def _read(self) -> Config | None:
        """The configuration on disk; None where it is wrong."""
        try:
            return await asyncio.to_thread(config.load, self._path)
        except ConfigError as error:
            events.log().error(Event.NOT_RELOADED, faults=[str(fault) for fault in error.faults])
            return None

    async def _reload(self) -> None:
        fresh = await self._read()
        if fresh is None:
            return
        async with self._one_configuration:
            if not await self._followed(fresh):
                return
            if await self._usable(fresh):
                self._config = fresh
                events.log().info(Event.RELOADED, workers=len(self._workers))
            else:
                await self._followed(self._config)

    async def _followed(self, fresh: Config) -> bool:
        """Whether the endpoints listen where this configuration says."""
        try:
            await self._reporting.follow(fresh)
        except ListenError as error:
            events.log().error(Event.NOT_RELOADED, faults=[str(error)])
            return False
        return True

    async def _usable(self, fresh: Config) -> bool:
        """Give it to each worker; False if the first one to answer cannot use it: then nothing has changed."""
        changed = False
        for worker in tuple(self._workers.values()):
            answer = await worker.reload(fresh)
            if answer is False and not changed:
                return False
            if not answer:
                worker.child.signal(signal.SIGTERM)
            changed = changed or answer is True
        return True

    async def _end_all(self) -> None:
        workers = tuple(self._workers.values())
        for worker in workers:
            worker.child.signal(signal.SIGTERM)
        waiting = [asyncio.create_task(worker.child.wait()) for worker in workers]
        if waiting:
            await asyncio.wait(waiting, timeout=self._config.deadlines.stop + _AFTER_STOP)
        for worker in workers:
            worker.child.kill()
            await worker.child.wait()
            await worker.close()
        events.log().info(Event.STOPPED)


async def supervise(path: Path, settings: Config, observer: Observer) -> None:
    """Run the supervisor until a signal to stop."""
    use_pidfd()
    try:
        await Supervisor(path, settings, observer).run()
    finally:
        ignore_signals()


async def _either(work: asyncio.Task[list[str]], stop: asyncio.Event) -> None:
    """Wait for the work; cancelled where the stop comes first."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, work}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not work.done():
        work.cancel()
        await asyncio.wait({work})
