"""The manual page pgp-relay-config(5), made from the model like the reference in docs/configuration.md.

`python -m relay.config.manual` writes it to standard output; the Debian package installs it. `roff` escapes text, also
for pgp-relay(1).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import version

from relay.config.reference import Key, keys

_HEAD = r""".TH PGP\-RELAY\-CONFIG 5 "" "pgp-relay {version}"
.SH NAME
pgp\-relay\-config \- config.yaml of pgp\-relay, key by key
.SH DESCRIPTION
One YAML document. Only \fBpolicy\fR and the keys marked needed are required. A wrong configuration does not start:
unknown keys, impossible combinations and unreadable files are all reported at once, with their lines.
.PP
Durations are a number and ms, s, m, h, d or w. Sizes are octets, or with kB, MB, GB, KiB, MiB, GiB. Relative paths
begin in the folder of the file. At SIGHUP a running relay reads it again; a wrong one changes nothing.
.SH KEYS
"""
_TAIL = r""".SH EXAMPLE
.EX
policy:
  \- name: inside the hospital
    to: ["*@hopital.example"]
    encrypt: never
  \- name: everyone else
    encrypt: preferred
.EE
.SH FILES
/etc/pgp\-relay/config.yaml
.SH SEE ALSO
.BR pgp\-relay (1)
"""


def page() -> str:
    """Return the manual page of config.yaml, in roff."""
    return _HEAD.format(version=version("pgp-relay")) + "".join(_lines()) + _TAIL


def roff(words: str) -> str:
    """The text, escaped: nothing in it is a request or an escape sequence of roff."""
    escaped = words.replace("\\", r"\e").replace("-", r"\-")
    return "\n".join(rf"\&{line}" if line.startswith((".", "'")) else line for line in escaped.splitlines())


def _lines() -> Iterator[str]:
    for key in keys():
        yield f".TP\n\\fB{roff(key.name)}\\fR\n{roff(_plain(key))}\n"


def _plain(key: Key) -> str:
    default = {"": "", "*needed*": " Needed."}.get(key.default, f" Default: {key.default}.")
    return re.sub(r"`", "", f"{key.kind[:1].upper()}{key.kind[1:]}.{default} {key.why}")


if __name__ == "__main__":
    sys.stdout.write(page())
