"""The commands of an installation page as a script, and what the script printed as a page.

`transcript.py script PAGE` writes a script for bash, which runs the commands of the page's `sh` blocks one after
another in one shell and stops at the first that fails. `transcript.py page PRINTED` makes the transcript of what it
printed.
`transcript.py internet PAGE` writes the script for a server with access to the internet: `setup` is told so, and in the
place of the import a correspondent's domain publishes the key. `transcript.py found PRINTED` makes the page of that.
`transcript.py same OLD NEW` compares two transcripts, less what differs every time: ids, hashes, times, versions.
"""
# ruff: noqa: INP001  a script

from __future__ import annotations

import difflib
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

MARK = "\x1e"  # stands between a command and what it printed, and before a heading
HEAD = """# Transcript of an installation

The commands of [Installation](installation.md) and what they printed, on a fresh Debian 12 with systemd and Postfix.
`make transcript` runs them and writes this page. What `apt` prints is left out.
"""
FOUND_HEAD = """# Transcript with access to the internet

The same commands where the server may ask other domains for keys: `setup --internet`. No key is imported: between 3 and
4 the correspondent's domain publishes it (WKD), and the first mail finds it there. Made by the script that makes
[the other transcript](transcript.md), in a network with a name server and that one domain.
"""
IMPORT = "pgp-relay keys import trial.asc"
CHANGING = {
    r"\b[0-9A-F]{40}\b": "FINGERPRINT",
    r"\b[0-9A-F]{16}\b": "KEYID",
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?": "TIME",
    r"\d{4}-\d\d-\d\d": "DAY",
    r"[A-Z][a-z]{2},? +(\d{1,2} [A-Z][a-z]{2} \d{4}|[A-Z][a-z]{2} +\d{1,2}) \d\d:\d\d:\d\d( \d{4} UTC)?": "TIME",
    r"\d+\.\d s\b": "SECONDS",
    r"\b[0-9A-Z]{15}\b": "ID",
    r'boundary="[^"]*"': "boundary",
    r"<[^@<>\s]+@(?=mx\.)": "<ID@",
    r" {2,}": " ",
}


def commands(page: str) -> Iterator[tuple[str, str]]:
    """Each line of the page's `sh` blocks, with the heading it stands under."""
    heading, shell = "", False
    for line in map(str.strip, page.splitlines()):  # a list indents its blocks
        if line.startswith("```"):
            shell = line == "```sh"
        elif shell and line:
            yield heading, line
        elif line.startswith("## "):
            heading = line[3:]


def with_internet(page: str) -> Iterator[tuple[str, str]]:
    """The same of a server with access to the internet, up to the uninstallation."""
    for heading, command in commands(page):
        if heading != "Uninstall":
            yield heading, command.replace("--no-internet", "--internet")


def script(wanted: Iterable[tuple[str, str]], *, imports: bool = True) -> str:
    """What bash runs."""
    lines, last = ["set -uo pipefail"], ""
    for heading, command in wanted:
        if heading != last:
            lines.append(f"printf '%s\\n' {shlex.quote(f'{MARK}## {heading}')}")
        last = heading
        if command == IMPORT and not imports:
            lines.append("bash /root/internet publish trial.asc || exit 1")
            continue
        quiet = " >~/apt.log 2>&1" if command.startswith("apt ") else ""
        lines.append(f"printf '%s\\n' {shlex.quote(f'{MARK}# {command}')}")
        lines.append(f"{{ {command}\n}}{quiet} || {{ echo failed with status $? >&2; exit 1; }}")
    return "\n".join([*lines, ""])


def transcript(printed: str, head: str = HEAD) -> str:
    """The page."""
    parts = [head]
    for piece in printed.split(MARK)[1:]:
        if piece.startswith("## "):
            parts.append(piece.rstrip())
        else:
            parts.append(f"```console\n{piece.rstrip()}\n```")
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def lasting(page: str) -> list[str]:
    """Its lines, with names for what differs every time, and without the inside of armor."""
    page = re.sub(r"(-----BEGIN PGP [^\n]*\n).*?(-----END PGP)", r"\1\2", page, flags=re.DOTALL)
    for pattern, name in CHANGING.items():
        page = re.sub(pattern, name, page)
    return page.splitlines()


def main(what: str, *files: str) -> int:
    """Run it."""
    texts = [Path(file).read_text(encoding="utf-8") for file in files]
    if what == "same":
        difference = list(difflib.unified_diff(*map(lasting, texts), *files, lineterm=""))
        sys.stdout.writelines(f"{line}\n" for line in difference)
        return 1 if difference else 0
    (text,) = texts
    made = {
        "script": lambda: script(commands(text)),
        "internet": lambda: script(with_internet(text), imports=False),
        "page": lambda: transcript(text),
        "found": lambda: transcript(text, FOUND_HEAD),
    }
    sys.stdout.write(made[what]())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
