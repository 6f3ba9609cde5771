"""`pgp-relay status`: what runs, since when, how it is doing, what went wrong last, which keys end soon."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from relay.admin import status as standing
from relay.admin.status import Ending
from relay.cli.context import Json, context_of, run
from relay.cli.key_listing import as_object
from relay.cli.output import fail, on_terminal, print_json, say_beside
from relay.cli.status_lines import lines
from relay.cli.times import Full, Look, Utc, moment
from relay.config import Config

EVERY = 1.0
KEYS_EVERY = 60.0
NOTHING_RUNS = "no relay runs with this configuration: start it (pgp-relay serve, systemctl start pgp-relay)"
_LABEL = 11
_UP_AND_CLEAR = "\x1b[{}A\x1b[J"
"""ECMA-48: so many lines up, and nothing from there on."""

Told = Mapping[str, Any]


def status(
    context: typer.Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Again every second, until interrupted.")] = False,
    full: Full = False,
    utc: Utc = False,
    as_json: Json = False,
) -> None:
    """Tell what runs and how it is doing; status 1 where nothing runs, or what runs is not ready.

    $ pgp-relay status --watch
    """
    config = context_of(context).config()
    look = Look.of(full=full, utc=utc)
    told = run(_watch(config, look, as_json=as_json) if watch else _once(config, look, as_json=as_json))
    if told is None:
        fail(NOTHING_RUNS)
    if told["lacks"]:
        raise typer.Exit(1)


async def _once(config: Config, look: Look, *, as_json: bool) -> Told | None:
    told = await standing.running(config)
    if told is not None:
        _show(told, await standing.ending(config), look, as_json=as_json)
    return told


async def _watch(config: Config, look: Look, *, as_json: bool) -> Told | None:
    """Until the relay is gone."""
    keys = Ending()
    read = float("-inf")
    shown = 0
    while (told := await standing.running(config)) is not None:
        if time.monotonic() > read + KEYS_EVERY:
            keys, read = await standing.ending(config), time.monotonic()
        if shown and on_terminal() and not as_json:
            sys.stdout.write(_UP_AND_CLEAR.format(shown))
        shown = _show(told, keys, look, as_json=as_json)
        await asyncio.sleep(EVERY)
    return None


def _show(told: Told, keys: Ending, look: Look, *, as_json: bool) -> int:
    """The number of lines, where they are for people."""
    if as_json:
        print_json(_object(told, keys))
        sys.stdout.flush()
        return 0
    return sum(
        say_beside((f"{line.label:<{_LABEL}}", line.word), line.text, indent=_LABEL) for line in lines(told, keys, look)
    )


def _object(told: Told, keys: Ending) -> Told:
    times = {name: moment(told[name]) for name in ("started", "last_encryption")}
    troubles = [{**trouble, "last": moment(trouble["last"])} for trouble in told["troubles"]]
    expiring = None if keys.unread else [as_object(entry) for entry in keys.entries]
    return {
        **told,
        **times,
        "ready": not told["lacks"],
        "troubles": troubles,
        "expiring": expiring,
        "unread": keys.unread,
    }
