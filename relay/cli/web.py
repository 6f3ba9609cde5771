"""`pgp-relay web …`: what is shown in a browser."""

from __future__ import annotations

import resource

import typer

from relay.cli.context import context_of, run


def public(context: typer.Context) -> None:
    """Run the public web service in the foreground.

    It needs nothing of the relay but `web` in the configuration, and may run on another machine: the relay hands it
    what it shows, over `web.channel`. SIGTERM finishes what is in flight.

    $ pgp-relay web public
    """
    from relay.telemetry import events  # noqa: PLC0415  takes long to load
    from relay.web.public.service import serve  # noqa: PLC0415  likewise

    config = context_of(context).public_config()
    events.configure(level=config.log.level, fmt=config.log.format)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves nothing of a visitor on the disk
    run(serve(config))
