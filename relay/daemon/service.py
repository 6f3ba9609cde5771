"""The running relay: listens, reloads, and stops without losing what is in flight.

SIGTERM and SIGINT: no new connection, what is in flight is finished within `deadlines.stop`, exit status 0. SIGHUP: the
configuration is read again; a wrong one changes nothing and is named in the log. A message keeps the
configuration it began with. Where the relay listens, where its store is and how many workers there are
change with a restart only.
"""

from __future__ import annotations

import asyncio

from relay.config import Config
from relay.daemon import build, systemd, tls
from relay.daemon.build import Parts
from relay.daemon.health import Health
from relay.daemon.resources import Books, opened_books
from relay.daemon.role import Post
from relay.daemon.scheduler import keep_up
from relay.daemon.signals import Signals, ignore_signals
from relay.model import Inbound, Reply
from relay.model.errors import ConfigError, ListenError, RelayError, StoreError
from relay.openpgp.call import use_pidfd
from relay.process import pool
from relay.process.memory import return_large, settle
from relay.smtp.bounds import Bounds
from relay.smtp.inlet import Inlet
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.telemetry.figures import Standing
from relay.telemetry.observer import Observer


class Service:
    """One process that serves."""

    def __init__(self, books: Books, parts: Parts, post: Post, observer: Observer) -> None:
        self._books = books
        self._parts = parts
        self._post = post
        self._underway: dict[str, Parts] = {}
        self._signals = Signals()
        self._health = Health(lambda: self._parts, books, observer)
        self._lookout = post.lookout(observer, lambda: Standing(len(self._underway), self._health.lacks))

    async def run(self) -> None:
        """Serve until told to stop. Raises `StoreError` where the store takes no rows: nothing could be remembered."""
        await self._books.served.prove()
        await self._lookout.open(self._parts.config)
        try:
            await self._serve()
        finally:
            await self._lookout.close()

    async def _serve(self) -> None:
        inlet = self._inlet()
        settle()
        self._signals.listen()
        self._post.watch(self._signals)
        self._post.ready(await self._post.listen(inlet, self._parts.config))
        beside = [
            asyncio.create_task(self._signals.reload_with(self._reload)),
            asyncio.create_task(self._post.keep_alive()),
            asyncio.create_task(self._health.watch()),
            asyncio.create_task(self._lookout.watch()),
        ]
        if self._post.duties:
            beside.append(asyncio.create_task(keep_up(lambda: self._parts.rounds)))
        await self._signals.stop.wait()
        for task in beside:
            task.cancel()
        events.log().info(Event.STOPPING)
        systemd.stopping()
        await inlet.stop(self._parts.config.deadlines.stop)
        await asyncio.wait(beside)
        await self._write_rest()
        await self._parts.close()
        events.log().info(Event.STOPPED)

    async def _write_rest(self) -> None:
        """What the store did not take when it was due: the last chance."""
        try:
            await self._books.served.write_rest()
            await self._books.witness.ready()
        except StoreError as error:
            events.log().error(Event.UNTRACED, **events.unforeseen(error))

    async def process(self, inbound: Inbound) -> tuple[Reply, ...]:
        """The inlet's hook."""
        self._underway[inbound.id] = self._parts
        return await self._parts.pipeline.process(inbound)

    async def answered(self, inbound: Inbound, delivered: bool) -> None:  # noqa: FBT001  the inlet's hook
        """The inlet's other hook."""
        parts = self._underway.pop(inbound.id, self._parts)
        await parts.pipeline.answered(inbound, delivered)
        await self._retire(parts)

    async def _retire(self, parts: Parts) -> None:
        """Close what a reload has replaced, once its last message is answered."""
        if parts is not self._parts and parts not in self._underway.values():
            await parts.close()

    def _inlet(self) -> Inlet:
        settings = self._parts.config
        return Inlet(
            self.process,
            self.answered,
            hostname=build.hostname(settings),
            allow=settings.allow,
            tls=tls.inlet(settings),
            bounds=Bounds(max_message_size=settings.max_message_size),
        )

    async def _reload(self) -> None:
        self._post.reloaded(changed=await self._renew())

    async def _renew(self) -> bool:
        """Whether a new configuration counts now."""
        try:
            parts = await build.build(await self._post.fresh(), self._books)
            await self._follow(parts)
        except ConfigError as error:
            events.log().error(Event.NOT_RELOADED, faults=[str(fault) for fault in error.faults])
        except ListenError as error:
            events.log().error(Event.NOT_RELOADED, faults=[str(error)])
        except RelayError as error:
            events.log().error(Event.NOT_RELOADED, **events.unforeseen(error))
        else:
            old, self._parts = self._parts, parts
            await self._retire(old)
            events.log().info(Event.RELOADED)
            return True
        return False

    async def _follow(self, parts: Parts) -> None:
        try:
            await self._lookout.follow(parts.config)
        except ListenError:
            await parts.close()
            raise


async def serve(settings: Config, post: Post, observer: Observer) -> None:
    """All of it, until told to stop; a serving process does nothing else."""
    use_pidfd()
    return_large()
    try:
        async with opened_books(settings) as books:
            await Service(books, await build.build(settings, books), post, observer).run()
    finally:
        pool.stop()
        ignore_signals()
