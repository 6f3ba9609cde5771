"""`pgp-relay status`: what runs, since when, how it is doing, what went wrong last, which keys end soon."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.text import Text

from relay.cli.context import Json, context_of, fail, out, print_json, run, say, shown
from relay.cli.key_listing import as_object
from relay.cli.times import moment
from relay.config import Config
from relay.daemon.resources import opened_store
from relay.model.errors import RelayError
from relay.openpgp.home import reachable
from relay.telemetry.status_client import ask

SOON = 30 * 24 * 3600.0
MOST_SHOWN = 10
EVERY = 1.0
KEYS_EVERY = 60.0
NOTHING_RUNS = "no relay runs with this configuration: start it (pgp-relay serve, systemctl start pgp-relay)"
_TO_DO = {
    "starting": "wait a moment",
    "stopping": "it finishes what is in flight",
    "stalled": "its processes say nothing: see the log, and restart it",
    "store": "the store cannot be read: pgp-relay check",
    "engine": "GnuPG does not start, or a signing key is gone: pgp-relay check",
    "next_hop": "the next hop does not answer: start it, or see reinject",
}

Told = Mapping[str, Any]
Expiring = Sequence[Told] | str
"""Keys that end soon, or why that cannot be told."""


def status(
    context: typer.Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Again every second, until interrupted.")] = False,
    as_json: Json = False,
) -> None:
    """Tell what runs and how it is doing; status 1 where nothing runs, or what runs is not ready.

    $ pgp-relay status --watch
    """
    config = context_of(context).config()
    told = run(_watch(config, as_json=as_json) if watch else _once(config, as_json=as_json))
    if told is None:
        fail(NOTHING_RUNS)
    if told["lacks"]:
        raise typer.Exit(1)


async def _once(config: Config, *, as_json: bool) -> Told | None:
    heard = await ask(reachable(config.keyring))
    if heard is None:
        return None
    told = _whole(heard, await _expiring(config))
    if as_json:
        print_json(told)
    else:
        _print(told)
    return told


async def _watch(config: Config, *, as_json: bool) -> Told | None:
    """Until the relay is gone."""
    live = Live(console=out, auto_refresh=False) if sys.stdout.isatty() and not as_json else None
    keys: Expiring = ()
    read = float("-inf")
    if live:
        live.start()
    try:
        while True:
            told = await ask(reachable(config.keyring))
            if told is None:
                return None
            if time.monotonic() > read + KEYS_EVERY:
                keys, read = await _expiring(config), time.monotonic()
            _show(_whole(told, keys), live, as_json=as_json)
            await asyncio.sleep(EVERY)
    finally:
        if live:
            live.stop()


def _show(told: Told, live: Live | None, *, as_json: bool) -> None:
    if live:
        live.update(Text("\n".join(shown(line) for line in lines(told))), refresh=True)
    elif as_json:
        print_json(told)
    else:
        _print(told)
        say("")
    sys.stdout.flush()


def _print(told: Told) -> None:
    for line in lines(told):
        say(line)


def _whole(told: Told, expiring: Expiring) -> Told:
    times = {name: moment(told[name]) for name in ("started", "last_encryption")}
    troubles = [{**trouble, "last": moment(trouble["last"])} for trouble in told["troubles"]]
    unread = expiring if isinstance(expiring, str) else None
    keys = {"expiring": None if unread else expiring, "unread": unread}
    return {**told, **times, "ready": not told["lacks"], "troubles": troubles, **keys}


async def _expiring(config: Config) -> Expiring:
    try:
        async with opened_store(config) as store:
            entries = [entry for entry in await store.certificates.expiring(SOON) if not entry.proposed]
    except RelayError as error:
        return str(error)
    return [as_object(entry) for entry in entries]


def lines(told: Told) -> Iterator[str]:
    """For people."""
    replies, workers, keys = told["replies"], told["workers"], told["certificates"]
    lacks = told["lacks"]
    yield f"running   since {told['started']}, " + (f"not ready: {_TO_DO.get(lacks, lacks)}" if lacks else "ready")
    yield (
        f"now       {told['per_second']:g} messages a second, {told['in_progress']} in hand, "
        f"{workers['alive']} of {workers['configured']} workers"
    )
    yield (
        f"so far    {told['messages']:g} messages; recipients: {replies['accepted']:g} served, "
        f"{replies['deferred']:g} deferred, {replies['rejected']:g} rejected"
    )
    yield f"encrypted    last at {told['last_encryption'] or 'no time yet'}"
    yield (
        f"keys      {keys['usable']:g} usable, {keys['expiring']:g} expiring within 30 days, "
        f"{keys['unusable']:g} unusable, {keys['proposed']:g} to approve"
    )
    yield from _expiring_lines(told["expiring"] or ())
    if told["unread"]:
        yield f"expiring  not told: {told['unread']}"
    for trouble in told["troubles"][:MOST_SHOWN]:
        yield f"trouble   {trouble['last']}  {trouble['what']} x{trouble['count']}  {trouble['details']}".rstrip()


def _expiring_lines(expiring: Sequence[Told]) -> Iterator[str]:
    for key in expiring[:MOST_SHOWN]:
        yield f"expiring  {key['expires']}  {', '.join(key['addresses'])}  {key['fingerprint']}"
    if len(expiring) > MOST_SHOWN:
        yield f"expiring  and {len(expiring) - MOST_SHOWN} more: pgp-relay keys expiring"
