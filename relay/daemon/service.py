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
from relay.daemon.build import Components
from relay.daemon.generation import Generation
from relay.daemon.health import Health
from relay.daemon.inlets import Inlets
from relay.daemon.node import NodeWatch
from relay.daemon.outlets import hostname
from relay.daemon.public_link import keep_linked
from relay.daemon.resources import Persistence, opened_persistence
from relay.daemon.role import Role
from relay.daemon.scheduler import run_jobs
from relay.daemon.secret_exchange import SecretExchange
from relay.daemon.signals import Signals, ignore_signals
from relay.model import Inbound
from relay.model.errors import ConfigError, ListenError, RelayError, StoreError
from relay.process import pool
from relay.process.child import use_pidfd
from relay.process.memory import freeze_loaded_objects, return_freed_memory
from relay.smtp.bounds import Bounds
from relay.smtp.inlet import Inlet
from relay.smtp.server_context import Begin, Delivery
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.telemetry.metrics import ProcessState
from relay.telemetry.observer import Observer


class Service:
    """One process that serves."""

    def __init__(
        self,
        persistence: Persistence,
        components: Components,
        secrets: SecretExchange,
        role: Role,
        observer: Observer,
    ) -> None:
        self._persistence = persistence
        self._generations = [Generation(components)]
        """The last one counts; those before have mails in progress."""
        self._role = role
        self._signals = Signals()
        self._node = NodeWatch(persistence.store.nodes, lambda: self._components, lambda: self._signers)
        self._secrets = secrets
        self._health = Health(lambda: self._components, persistence, observer)
        self._reporting = role.reporting(observer, lambda: ProcessState(self._in_progress, self._health.lacks))

    async def run(self) -> None:
        """Serve until a signal to stop.

        Raises `StoreError` where the store cannot be written, `NodeError` where other nodes do not allow it.
        """
        await self._persistence.ledger.prove()
        if self._role.duties:
            await self._node.arrive()
            await self._secrets.round()
        await self._reporting.open(self._components.config)
        try:
            await self._serve()
        finally:
            await self._reporting.close()

    async def _serve(self) -> None:
        inlets = self._inlets()
        freeze_loaded_objects()
        self._signals.listen()
        self._role.ready(await self._role.listen(inlets, self._components.config))
        tasks = [
            asyncio.create_task(self._role.watch(self._signals)),
            asyncio.create_task(self._signals.reload_with(self._reload)),
            asyncio.create_task(self._role.keep_alive()),
            asyncio.create_task(self._health.watch()),
            asyncio.create_task(self._reporting.watch()),
        ]
        if self._role.duties:
            tasks.append(asyncio.create_task(run_jobs(lambda: self._components.schedule)))
            tasks.append(asyncio.create_task(run_jobs(lambda: self._components.own_keys)))
            tasks.append(asyncio.create_task(keep_linked(lambda: self._components.link)))
            tasks.append(asyncio.create_task(self._node.watch()))
            tasks.append(asyncio.create_task(self._secrets.watch()))
        await self._signals.stop.wait()
        for task in tasks:
            task.cancel()
        inlets.listen_no_more()
        events.log().info(Event.STOPPING)
        systemd.stopping()
        await inlets.stop(self._components.config.deadlines.stop)
        await asyncio.wait(tasks)
        await self._write_rest()
        if self._role.duties:
            await self._node.leave()
        await self._components.close()
        events.log().info(Event.STOPPED)

    async def _write_rest(self) -> None:
        """Write the rows that the store did not take before, a last time."""
        try:
            await self._persistence.ledger.write_rest()
            await self._persistence.audit.finish()
        except StoreError as error:
            events.log().error(Event.UNTRACED, **events.unforeseen(error))

    @property
    def _components(self) -> Components:
        return self._generations[-1].components

    @property
    def _signers(self) -> set[str]:
        """The keys that sign now: those of mails in progress too."""
        *before, current = self._generations
        return {s for g in (*(b for b in before if b.in_progress), current) for s in g.components.signers}

    @property
    def _in_progress(self) -> int:
        """Mails, of all generations."""
        return sum(generation.in_progress for generation in self._generations)

    def begin(self, inbound: Inbound) -> Delivery:
        """Begin an outgoing mail; the inlet calls this."""
        return self._generations[-1].begin(inbound)

    def begin_incoming(self, inbound: Inbound) -> Delivery:
        """Begin an incoming mail; the inlet for such mail calls this."""
        return self._generations[-1].begin_incoming(inbound)

    def _inlets(self) -> Inlets:
        return Inlets(self._inlet(self.begin), self._inlet(self.begin_incoming))

    def _inlet(self, begin: Begin) -> Inlet:
        settings = self._components.config
        return Inlet(
            begin,
            hostname=hostname(settings),
            allow=settings.allow,
            tls=tls.inlet(settings),
            bounds=Bounds.within(settings.memory // settings.workers, max_message_size=settings.max_message_size),
        )

    async def _reload(self) -> None:
        self._role.reloaded(changed=await self._renew())

    async def _renew(self) -> bool:
        """Read the configuration again; returns whether a new one is in use now."""
        try:
            components = await build.build(await self._role.fresh(), self._persistence)
            old = await self._succeed(components)
        except ConfigError as error:
            events.log().error(Event.NOT_RELOADED, faults=[str(fault) for fault in error.faults])
        except ListenError as error:
            events.log().error(Event.NOT_RELOADED, faults=[str(error)])
        except (RelayError, OSError) as error:  # a file is replaced at this moment
            events.log().error(Event.NOT_RELOADED, **events.unforeseen(error))
        else:
            await old.retire()
            events.log().info(Event.RELOADED)
            return True
        return False

    async def _succeed(self, components: Components) -> Generation:
        """Use these components from now on; returns the generation before. Raises `RelayError`: that one stays."""
        try:
            async with self._node.preceding(components.signers):
                await self._reporting.follow(components.config)
                *before, old = self._generations
                self._generations = [*(each for each in (*before, old) if each.in_progress), Generation(components)]
        except RelayError:
            await components.close()
            raise
        return old


async def serve(settings: Config, role: Role, observer: Observer) -> None:
    """Open the store, build the parts, serve until a signal to stop."""
    use_pidfd()
    return_freed_memory()
    try:
        async with opened_persistence(settings) as persistence:
            secrets = SecretExchange(settings, persistence.store)
            if role.duties:  # a key that `sign` names may have come while this node was down
                await secrets.round()
            await Service(persistence, await build.build(settings, persistence), secrets, role, observer).run()
    finally:
        pool.stop()
        ignore_signals()
