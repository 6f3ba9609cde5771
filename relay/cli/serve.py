"""`pgp-relay serve`: the relay in the foreground."""

from __future__ import annotations

import asyncio
import resource
import signal
from pathlib import Path

import typer

from relay import events
from relay.app import assure, build, opened_books
from relay.cli.context import context_of, run
from relay.config import Config
from relay.metrics.observer import Observer
from relay.metrics.tally import Tally
from relay.openpgp.call import use_pidfd
from relay.service import Service


def serve(context: typer.Context) -> None:
    """Run in the foreground. SIGTERM finishes what is in flight; SIGHUP reads the configuration again.

    A configuration that is wrong does not start (status 2), and one that is wrong at SIGHUP changes nothing.

    $ pgp-relay -c /etc/pgp-relay/config.yaml serve
    """
    shared = context_of(context)
    config = shared.config()
    observer = Observer(Tally())
    events.configure(level=config.log.level, fmt=config.log.format, seen=observer)
    run(_serve(shared.path, config, observer))


async def _serve(path: Path, config: Config, observer: Observer) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash, also of gpg, leaves no mail on the disk
    assure(config)
    use_pidfd()
    try:
        async with opened_books(config) as books:
            await Service(path, books, await build(config, books), observer).run()
    finally:
        _ignore_signals()


def _ignore_signals() -> None:
    """All is done: a second SIGTERM may not turn the exit status into a death by signal."""
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(name)
        signal.signal(name, signal.SIG_IGN)
