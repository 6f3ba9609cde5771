"""The reference of all commands as Markdown, from the program's own words.

`python -m relay.cli.reference > docs/commands.md` writes it; a test holds the two together.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer.main

from relay.cli.main import app

_INTRODUCTION = """# Commands

Written by `python -m relay.cli.reference`.

`pgp-relay [-c config.yaml] COMMAND`, or `python -m relay`. Without `-c` the configuration is the file that the
environment variable `PGP_RELAY_CONFIG` names, or `/etc/pgp-relay/config.yaml`; in a checkout of the project it is the
`config.yaml` there. On a terminal the last line of each command names the file.

| status | means |
| --- | --- |
| 0 | done |
| 1 | some of it failed; each item that failed has a message |
| 2 | wrong use, or a wrong configuration: every fault with its line |
| 130 | interrupted (Ctrl-C) |

## Output

Results go to standard output, errors to standard error. All commands follow one rule:

| where | what is printed |
| --- | --- |
| a terminal | tables as wide as the terminal, one line a row: long cells are cut (`…`), and on a narrow terminal the \
columns that matter least are left out. Times are local and short (`11-26 09:14`, in another year `2025-11-26`), a \
fingerprint is its last 16 digits. Single words have colours, unless `NO_COLOR` is set. `--full` shortens nothing |
| a pipe or a file | no colours, nothing shortened. A table is a header line and its rows, with a tab between the \
fields; times are local ISO 8601 with their offset |
| `--json` | one document, or one object a line where there may be very many (`trace`, `keys import`); times are UTC, \
ISO 8601 |

`--utc` makes all times UTC. [The screens](screens.md) show the first of these.
"""

Command = Any  # typer carries its own copy of click, whose types it does not offer


def commands(group: Command | None = None, path: str = "pgp-relay") -> Iterator[tuple[str, Command]]:
    """Each command with the words that call it, in the order of `--help`."""
    root: Command = typer.main.get_command(app) if group is None else group
    for name, command in root.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def markdown() -> str:
    """Return docs/commands.md: each command with its example and its options."""
    return _INTRODUCTION + "".join(_section(path, command) for path, command in commands())


def _section(path: str, command: Command) -> str:
    *words, example = inspect.cleandoc(command.help).split("\n\n")
    shown = [f"## {path}", *words, f"```sh\n{example.removeprefix('$ ')}\n```"]
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    table = ["\n".join(("| | |", "| --- | --- |", *rows))] if rows else []
    return "\n" + "\n\n".join([*shown, *table]) + "\n"


def _row(parameter: Command) -> str:
    if parameter.param_type_name == "argument":
        name = (parameter.metavar or parameter.name.upper()).replace("|", r"\|")  # a table's own mark, even in code
        return f"| `{name}`{' …' * (parameter.nargs == -1)} | {parameter.help} |"
    value = "" if parameter.is_flag else f" {parameter.metavar or parameter.opts[-1].lstrip('-').upper()}"
    return f"| `{', '.join(parameter.opts)}{value}` | {parameter.help} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
