"""`pgp-relay config …`: the configuration tested, shown, compared with the defaults, and asked for one key."""

from __future__ import annotations

import difflib
import re
import sys
from typing import Annotated

import typer

from relay.cli.context import Context, Json, context_of
from relay.cli.output import complain, fail, print_json, say
from relay.cli.table import Column, Row, print_table
from relay.config import effective
from relay.config.key_names import every_key
from relay.config.yaml_tree import Value
from relay.daemon.named_files import assure
from relay.model.errors import ConfigError, Fault

_NUMBER = re.compile(r"\[\d+\]", re.ASCII)
Key = Annotated[str, typer.Argument(metavar="KEY", help="A key, such as lookup.wkd.timeout.")]
_COLUMNS = (Column("key"), Column("default", least=12, rank=1), Column("value", wraps=True))


def prove(context: typer.Context, *, as_json: Json = False) -> None:
    """Check the configuration, and report every fault.

    The files that it names are checked too. The exit status is 2 if there is a fault.

    $ pgp-relay -c /etc/pgp-relay/config.yaml config test
    """
    shared = context_of(context)
    faults = _faults(shared)
    if as_json:
        print_json({"config": str(shared.path), "ok": not faults, "faults": list(map(_object, faults))})
    elif not faults:
        say(f"{shared.path}: ", ("ok", "green"))
    else:
        for fault in faults:
            complain(str(fault))
    raise typer.Exit(2 if faults else 0)


def show(context: typer.Context, *, as_json: Json = False) -> None:
    """Print the configuration in effect, with all defaults.

    Passwords in the database's URL are left out.

    $ pgp-relay config show
    """
    values = effective.whole(_sound(context_of(context)).path)
    if as_json:
        print_json(values)
    else:
        sys.stdout.write(effective.as_yaml(values))


def diff(context: typer.Context, *, as_json: Json = False) -> None:
    """List the keys whose value differs from the default.

    $ pgp-relay config diff
    """
    found = effective.differences(_sound(context_of(context)).path)
    if as_json:
        print_json([each._asdict() for each in found])
        return
    print_table(_COLUMNS, map(_row, found), nothing="every key has its default")


def get(context: typer.Context, key: Key, *, as_json: Json = False) -> None:
    """Print the value of one key: the file's, or the default.

    $ pgp-relay config get lookup.wkd.timeout
    """
    values = effective.whole(_sound(context_of(context)).path)
    value = _set_value(values, key)
    if as_json:
        print_json(value)
    else:
        say(effective.text(value))


def _set_value(values: Value, key: str) -> Value:
    """What the key has; the program ends where it has nothing."""
    try:
        return effective.get(values, key)
    except KeyError:
        fail(_without_value(values, key), status=2)


def _object(fault: Fault) -> dict[str, object]:
    """The object that `--json` prints."""
    return {"file": fault.file, "line": fault.line or None, "message": fault.message}


def _row(found: effective.Difference) -> Row:
    """In the order of `_COLUMNS`."""
    default = "" if found.default is None else effective.text(found.default)
    return found.key, default, effective.text(found.value)


def _sound(shared: Context) -> Context:
    """Raises `ConfigError` where the configuration is wrong."""
    shared.config()
    return shared


def _faults(shared: Context) -> tuple[Fault, ...]:
    try:
        assure(shared.config())
    except ConfigError as error:
        return error.faults
    return ()


def _without_value(values: Value, key: str) -> str:
    """Why `effective.get` finds none: no such key, one that is not set, or one of a list without its number."""
    names = [".".join(path) for path, _ in every_key()]
    if _NUMBER.sub("", key) not in names:
        near = difflib.get_close_matches(key, names, 1) or [name for name in names if name.endswith(f".{key}")]
        return f"unknown key “{key}”" + (f"; did you mean “{near[0]}”?" if near else "")
    steps = key.split(".")
    for name, rest in ((".".join(steps[:n]), ".".join(steps[n:])) for n in range(1, len(steps))):
        if isinstance(_value(values, name), list):
            return f"“{name}” is a list: {name}[0].{rest} is that of its first entry"
    return f"“{key}” is not set, and has no default"


def _value(values: Value, key: str) -> Value:
    try:
        return effective.get(values, key)
    except KeyError:
        return None
