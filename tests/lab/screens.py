"""docs/screens.md: what the program shows on a terminal, taken from the program: `make screens`.

    python -m lab.screens FILE.md

A relay with a Web Key Directory, a next hop and keys in every state handles a mail of each kind; then each command is
called with a terminal before it. The page has a package's paths and ports in the place of a test's. `lasting` is what
stays the same when it is made again.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from rich.cells import cell_len

from lab.client import Client
from lab.correspondent import Correspondent, in_days
from lab.ports import free_port
from lab.published import Published
from lab.relay import Relay
from lab.sink import Sink
from relay.cli.main import app, guarded

WIDTH = 80
"""Columns of the terminal."""
WIDE = 160
"""Columns of another one, on which every command is shown too: no row is wrapped there either."""
DOCTOR = "dr.martin@hopital.example"
KNOWN, ENDING, OVER = "cabinet.lefevre@ville.example", "dr.roux@ville.example", "labo@ville.example"
PUBLISHED, NEW, AWAY = "centre@clinique.example", "nouveau@ville.example", "garde@loin.example"
POLICY = [
    {"name": "inside the hospital", "to": ["*@hopital.example"], "encrypt": "never"},
    {"name": "marked confidential", "subject": "[confidentiel]", "encrypt": "required", "without_key": "hold"},
    {"name": "everyone else", "encrypt": "preferred"},
]
MAILS = [
    (KNOWN, "Compte rendu de lundi", "250 "),
    ("dr.petit@hopital.example", "Planning de garde", "250 "),
    (PUBLISHED, "Compte rendu de mardi", "250 "),
    (OVER, "Compte rendu de jeudi", "250 "),
    (NEW, "[confidentiel] Compte rendu", "450 "),
    (AWAY, "Compte rendu de samedi", "451 "),
    ("secretariat@ville.example", "Horaires d'ouverture", "250 "),
]
DEMO = "One mail, from end to end"
PAGE: list[tuple[str, str, list[str]]] = [
    ("Is everything there?", "One line for each thing that the relay needs: ok, or what to do.", ["check"]),
    (
        "How is it doing?",
        "`--watch` shows it live. The exit status is 1 if no relay runs, or if it is not ready.",
        ["status"],
    ),
    (
        "What would happen to a mail, and why?",
        "The command shows the decision, the rules up to the one that matches, the sources asked, and the certificate.",
        [f"explain --from {DOCTOR} --to {address}" for address in (PUBLISHED, OVER, AWAY)],
    ),
    (
        "What happened?",
        "The trace has a line for each recipient, and no content. A wider terminal shows more columns, `--full` all.",
        ["trace", "trace --summary", "trace --verify"],
    ),
    (
        "Whose keys are there?",
        "The list shows whether each key is usable, and where it came from.",
        ["keys list", f"keys show {KNOWN}"],
    ),
    ("Where does a key come from?", "What each source answers, in their order.", [f"keys lookup {PUBLISHED}"]),
    (DEMO, "`demo` needs nothing but the package: it runs a relay in a temporary folder.", ["demo"]),
]
HEAD = """# Screens

What the program shows on a terminal of 80 columns, written by `make screens` from a running relay that has handled
seven mails. A test runs the commands again and compares. What commands print into a pipe or a file, and for programs,
is on the page [Commands](commands.md#output).
"""
CHANGING = {
    r"^postfix +ok +[^\n]*(\n {10,}[^\n]*)?": "postfix",  # of the machine where this runs
    r"\b[0-9A-F]{40}\b": "FINGERPRINT",
    r"\b[0-9A-F]{16}\b": "KEYID",
    r"\b[0-9a-f]{64}\b": "HASH",
    r"\b\d\d-\d\d \d\d:\d\d\b": "TIME",
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)?)?": "TIME",
    r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}": "TIME",
    r"\b[0-9A-Z]{15}\b": "ID",
    r"(?<= )\d+\.\d+(?= +\S*TIME|\s*$)|\d+\.\d+ s\b|\d+(\.\d+)?(?= messages a second)|(?<=\()\d\.\d{3} s": "FIGURE",
    r'(boundary=)"[^"]*"|--=[\w=-]+': "boundary",
    r"<[^@<>\s]+@": "<ID@",
    r"\d+(?= usable)": "FIGURE",  # a key that came with a mail is counted within a minute
    r'("size": )\d+|\d+ lines more': "FIGURE",
    r" {2,}": " ",
}


def page(*, demo: bool = True) -> str:
    """All of it; the demo has a test of its own."""
    return HEAD + "".join(f"\n{section}" for section in _sections(demo=demo))


def lasting(text: str) -> list[str]:
    """Its lines, with names for what differs each time, and without the inside of armor."""
    text = re.sub(r"(-----BEGIN PGP [^\n]*\n).*?([^\n]*-----END PGP)", r"\1\2", text, flags=re.DOTALL)
    for pattern, name in CHANGING.items():
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text.splitlines()


def too_wide(text: str) -> list[str]:
    """The lines of screens that do not fit the terminal."""
    blocks = re.findall(r"^```console\n\$ [^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in _beyond(block, WIDTH)]


def _beyond(shown: str, width: int) -> list[str]:
    return [line for line in shown.splitlines() if cell_len(line) > width]


def _sections(*, demo: bool) -> Iterator[str]:
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        wkd = stack.enter_context(Published("ville.example", "clinique.example"))
        nobody = {"openpgpkey.loin.example:443": f"127.0.0.1:{free_port()}"}
        lookup = {**wkd.settings, "connect_to": {**wkd.settings["connect_to"], **nobody}}
        relay = stack.enter_context(
            Relay(
                {
                    "reinject": f"smtp://127.0.0.1:{sink.port}",
                    "lookup": {"sources": ["keyring", "wkd"], "wkd": lookup},
                    "policy": POLICY,
                    "notices": {"from": "postmaster@hopital.example"},
                }
            )
        )
        _keys(stack.enter_context(Correspondent()), relay, wkd)
        relay.start()
        stack.callback(relay.stop)
        asyncio.run(_mails(relay))
        for heading, words, commands in PAGE if demo else PAGE[:-1]:
            screens = "\n".join(
                f"```console\n$ pgp-relay {line}\n{_shown(relay, sink, line)}\n```\n" for line in commands
            )
            yield f"## {heading}\n\n{words}\n\n{screens}" if words else f"## {heading}\n\n{screens}"


def _keys(person: Correspondent, relay: Relay, wkd: Published) -> None:
    two_years = in_days(730)
    made = [
        person.new_key(f"Cabinet Lefèvre <{KNOWN}>", expires=two_years),
        person.new_key(f"Dr Roux <{ENDING}>", expires=in_days(20)),
        person.new_key(f"Laboratoire <{OVER}>", created="20200101T000000", expires="20210101T000000"),
    ]
    relay.run("keys", "import", "-", content=person.export(*made))
    wkd.publish(PUBLISHED, person.export(person.new_key(f"Centre <{PUBLISHED}>", expires=two_years)))


async def _mails(relay: Relay) -> None:
    async with Client(f"lmtp://127.0.0.1:{relay.port}") as client:
        await client.hello()
        for number, (to, subject, answer) in enumerate(MAILS):
            head = f"From: {DOCTOR}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{number}@hopital.example>\r\n\r\n"
            (reply,) = await client.send(DOCTOR, [to], head.encode() + b"Bonjour.\r\n")
            assert reply.startswith(answer), (to, reply)


def _shown(relay: Relay, sink: Sink, line: str) -> str:
    """What one command shows, with a site's paths and ports."""
    words = line.split(" ")
    text = _on_a_terminal(relay, words)
    wide = "" if words == ["demo"] else _on_a_terminal(relay, words, WIDE)
    assert not _beyond(wide, WIDE), wide
    site = {
        str(relay.file): "/etc/pgp-relay/config.yaml",
        str(relay.folder): "/var/lib/pgp-relay",
        f":{relay.port}": ":10025",
        f":{sink.port}": ":10026",
    }
    for here, there in site.items():
        text = text.replace(here, there)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _on_a_terminal(relay: Relay, words: list[str], width: int = WIDTH) -> str:
    status: str | int | None
    with redirect_stdout(_Terminal()) as screen, redirect_stderr(screen), _environment(width):
        try:
            status = guarded(lambda: app(["-c", str(relay.file), *words], prog_name="pgp-relay"))
        except SystemExit as end:
            status = end.code
    text = screen.getvalue()
    assert status in {None, 0, 1}, text
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@contextmanager
def _environment(width: int) -> Iterator[None]:
    """A terminal of so many columns, in a place where it is UTC."""
    before = dict(os.environ)
    os.environ |= {"COLUMNS": str(width), "TZ": "UTC"}
    time.tzset()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before
        time.tzset()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
