"""`pgp-relay web …`: what is shown in a browser."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from relay.cli.context import Context, context_of, run
from relay.cli.output import say

if TYPE_CHECKING:  # loading it takes longer than most commands run
    from relay.config import Config


BESIDE_MAIL = 5
"""By how much the priority of the console's processes is lower than the relay's."""


def public(context: typer.Context) -> None:
    """Run the public web service in the foreground.

    It needs only the section `web` of the configuration, and may run on another machine: the relay sends it what it
    shows, over `web.channel`. SIGTERM finishes the requests in progress and stops it.

    $ pgp-relay web public
    """
    from relay.web.public.service import serve  # noqa: PLC0415  takes long to load

    _serve(serve, context_of(context).public_config())


def console(context: typer.Context) -> None:
    """Run the console for administrators in the foreground.

    It gets what it shows from `web control`, which has to run as well. If `web.control` is not set and the owner of the
    keyring folder runs this command, it does the work of `web control` itself. SIGTERM finishes the requests in
    progress and stops it.

    $ pgp-relay web console
    """
    from relay.web.console.service import serve  # noqa: PLC0415  takes long to load

    found = context_of(context)
    _serve_beside_mail(lambda config: serve(config, _relay_side(found, config)), found.console_config())


@asynccontextmanager
async def _relay_side(found: Context, console: Config) -> AsyncIterator[None]:
    """Does what `web control` does, if this process has to, for the time of an `async with`."""
    from relay.telemetry.unix_listener import is_listening  # noqa: PLC0415  only for this
    from relay.web.control import answering  # noqa: PLC0415  takes long to load

    whole = found.control_config(console)
    if whole is None or await is_listening(Path(whole.control.path)):
        yield
        return
    async with answering(whole, found.path):
        yield


def control(context: typer.Context) -> None:
    """Run the relay's side of the console in the foreground.

    It does what the console asks, as the owner of the keyring folder: only what commands can do as well.

    $ pgp-relay web control
    """
    from relay.web.control import serve  # noqa: PLC0415  takes long to load

    found = context_of(context)
    _serve_beside_mail(lambda config: serve(config, found.path), found.config())


def _serve_beside_mail(serve: Callable[[Config], Coroutine[Any, Any, None]], config: Config) -> None:
    """Serve with a lower priority than the relay, so that a search does not delay mail."""
    from relay.process.priority import give_way  # noqa: PLC0415  only for this

    give_way(BESIDE_MAIL)
    _serve(serve, config)


def _serve(serve: Callable[[Config], Coroutine[Any, Any, None]], config: Config) -> None:
    from relay.telemetry import log_output  # noqa: PLC0415  takes long to load

    log_output.configure(level=config.log.level, fmt=config.log.format)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves nothing of a visitor on the disk
    run(serve(config))


def hashes(context: typer.Context) -> None:
    """Print the hashes of the pick-up page's files.

    Each line is a SHA-256 and the path where the file is served, for a comparison from outside. `check` compares them
    with what pickup.url serves.

    $ pgp-relay web hashes
    """
    from relay.web.pickup.comparison import files_of, path_of  # noqa: PLC0415  takes long to load

    for name, file in sorted(files_of(context_of(context).public_config()).items()):
        say(f"{file.digest}  {path_of(name)}")
