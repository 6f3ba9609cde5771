"""The manual page names all that the program can do, and no word of it is taken for a request of roff."""

from __future__ import annotations

from relay.cli.manual import page
from relay.cli.reference import commands

REQUESTS = {".TH", ".SH", ".SS", ".B", ".BR", ".PP", ".TP", ".EX", ".EE"}


def test_every_command_and_option_is_in_it() -> None:
    plain = page().replace(r"\-", "-")

    for path, command in commands():
        section = plain.split(f'.SS "{path}"\n')[1].split(".SS ")[0]
        assert [name for option in command.params for name in option.opts if name.startswith("--")] == [
            name
            for option in command.params
            for name in option.opts
            if name.startswith("--") and (name in section or name == "--help")
        ]


def test_nothing_in_it_is_a_request_but_ours() -> None:
    requests = {line.split()[0] for line in page().splitlines() if line.startswith((".", "'"))}

    assert requests == REQUESTS
