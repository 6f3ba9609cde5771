"""`pgp-relay serve`: the relay in the foreground."""

from __future__ import annotations

import resource
from pathlib import Path

import typer

from relay.cli.context import context_of, run
from relay.config import Config
from relay.daemon import service
from relay.daemon.named_files import assure
from relay.daemon.role import Standalone
from relay.daemon.supervisor import supervise
from relay.telemetry import log_output
from relay.telemetry.counters import Counters
from relay.telemetry.observer import Observer


def serve(context: typer.Context) -> None:
    """Run the relay in the foreground.

    SIGTERM finishes the mails in progress and stops it; SIGHUP reads the configuration again. With a wrong
    configuration it does not start (status 2); one that is wrong at SIGHUP changes nothing.

    $ pgp-relay -c /etc/pgp-relay/config.yaml serve
    """
    shared = context_of(context)
    config = shared.config()
    observer = Observer(Counters())
    log_output.configure(level=config.log.level, fmt=config.log.format, seen=observer)
    run(_serve(shared.path, config, observer))


async def _serve(path: Path, config: Config, observer: Observer) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash, also of gpg, leaves no mail on the disk
    assure(config)
    if config.workers == 1:
        await service.serve(config, Standalone(path), observer)
    else:
        await supervise(path, config, observer)
