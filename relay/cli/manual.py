"""The manual page pgp-relay(1), from the program's own words, as the reference in docs/commands.md is.

`python -m relay.cli.manual` writes it to standard output; the Debian package installs it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from relay.cli.reference import commands
from relay.config.manual import roff

_HEAD = r""".TH PGP\-RELAY 1 "" "pgp-relay {version}"
.SH NAME
pgp\-relay \- an SMTP relay behind Postfix that encrypts outgoing mail with OpenPGP
.SH SYNOPSIS
.B pgp\-relay
[\fB\-c\fR \fIconfig.yaml\fR] \fICOMMAND\fR
.SH DESCRIPTION
Without \fB\-c\fR the configuration is the file that the environment variable \fBPGP_RELAY_CONFIG\fR names, or
/etc/pgp\-relay/config.yaml, which lists every key with its default.
.SH COMMANDS
"""
_TAIL = r""".SH EXIT STATUS
0: done. 1: some of it failed; each item has a message. 2: wrong use, or a wrong configuration. 130: interrupted.
.SH FILES
/etc/pgp\-relay/config.yaml, /var/lib/pgp\-relay/keyring
.SH SEE ALSO
.BR pgp\-relay\-config (5),
.BR postconf (5),
.BR gpg (1)
"""


def page() -> str:
    """Return the manual page pgp-relay(1), in roff."""
    parts = (line for path, command in commands() for line in _section(path, command))
    return _HEAD.format(version=version("pgp-relay")) + "\n".join(parts) + "\n" + _TAIL


def _section(path: str, command: Any) -> Iterator[str]:  # noqa: ANN401  typer does not offer click's types
    *words, example = inspect.cleandoc(command.help).split("\n\n")
    yield f'.SS "{roff(path)}"'
    for paragraph in words:
        yield roff(paragraph)
        yield ".PP"
    for parameter in command.params:
        if parameter.name != "help":
            argument = parameter.param_type_name == "argument"
            names = [parameter.metavar or parameter.name.upper()] if argument else parameter.opts
            yield f".TP\n\\fB{roff(', '.join(names))}\\fR\n{roff(parameter.help)}"
    yield f".PP\n.EX\n{roff(example)}\n.EE"


if __name__ == "__main__":
    sys.stdout.write(page())
