"""`pgp-relay status`: what runs, since when, how it is doing, the last errors, the keys that expire soon."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from relay.admin.status import Standing
from relay.admin.status import status as ask
from relay.cli.context import Context, context_of
from relay.cli.display import Display
from relay.cli.output import fail, on_terminal, print_json, say_beside
from relay.cli.status_lines import lines
from relay.cli.times import moment

Watch = Annotated[bool, typer.Option("--watch", help="Show it again every second, until interrupted.")]

EVERY = 1.0
NOTHING_RUNS = "no relay runs with this configuration: start it (pgp-relay serve, systemctl start pgp-relay)"
_LABEL = 11
_UP_AND_CLEAR = "\x1b[{}A\x1b[J"
"""ECMA-48: so many lines up, and nothing from there on."""


def status(context: typer.Context, *, watch: Watch = False, display: Display) -> None:
    """Show whether the relay runs, and how it is doing.

    The exit status is 1 if no relay runs or it is not ready, 2 if the configuration on disk is wrong.

    $ pgp-relay status --watch
    """
    shared = context_of(context)
    standing = ask(shared.path)
    shared.read = True
    shown = 0
    while standing.told is not None:
        if shown and on_terminal() and not display.as_json:
            sys.stdout.write(_UP_AND_CLEAR.format(shown))
        shown = _show(standing, shared, display)
        if not watch:
            raise typer.Exit(_status(standing))
        time.sleep(EVERY)
        standing = ask(shared.path)
    if display.as_json:
        print_json({"ready": False, "config": str(shared.path), "faults": []})
    fail(NOTHING_RUNS)


def _status(standing: Standing) -> int:
    if standing.faults:
        return 2
    return 1 if standing.told and standing.told["lacks"] else 0


def _show(standing: Standing, shared: Context, display: Display) -> int:
    """The number of lines, where they are for people."""
    if display.as_json:
        print_json(_object(standing, shared))
        sys.stdout.flush()
        return 0
    told = lines(standing, display.look)
    return sum(say_beside((f"{line.label:<{_LABEL}}", line.word), line.text, indent=_LABEL) for line in told)


def _object(standing: Standing, shared: Context) -> dict[str, Any]:
    told = standing.told or {}
    times = {name: moment(told[name]) for name in ("started", "last_encryption")}
    return {
        **told,
        **times,
        "ready": not told["lacks"],
        "troubles": [{**trouble, "last": moment(trouble["last"])} for trouble in told["troubles"]],
        "expiring": [{**key, "expires": moment(key["expires"])} for key in told["expiring"]],
        "config": str(shared.path),
        "configuration": "wrong" if standing.faults else "changed" if standing.changed else "current",
        "faults": [asdict(fault) for fault in standing.faults],
    }
