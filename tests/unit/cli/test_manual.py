"""The manual pages name all that the program can do and every key, and no word of theirs is a request of roff."""

from __future__ import annotations

import re

import pytest

from relay.cli import manual as commands_manual
from relay.cli.reference import commands
from relay.config import manual as config_manual
from relay.config.key_names import every_key
from relay.config.manual import roff

REQUESTS = {".TH", ".SH", ".SS", ".B", ".BR", ".PP", ".TP", ".EX", ".EE"}
PAGES = [commands_manual.page, config_manual.page]


def test_every_command_and_option_is_in_it() -> None:
    plain = commands_manual.page().replace(r"\-", "-")

    for path, command in commands():
        section = plain.split(f'.SS "{path}"\n')[1].split(".SS ")[0]
        assert [name for option in command.params for name in option.opts if name.startswith("--")] == [
            name
            for option in command.params
            for name in option.opts
            if name.startswith("--") and (name in section or name == "--help")
        ]


def test_every_key_is_in_it_with_its_reason() -> None:
    plain = config_manual.page().replace(r"\-", "-")
    entries = dict(re.findall(r"\.TP\n\\fB(\S+)\\fR\n(.*)\n", plain))

    assert len(entries) == len(list(every_key())) > 50
    for path, field in every_key():
        assert field.description
        (entry,) = [text for name, text in entries.items() if name.replace("[]", "") == ".".join(path)]
        assert entry.endswith(field.description.replace("`", "")), path


@pytest.mark.parametrize("page", PAGES)
def test_nothing_in_it_is_a_request_but_ours(page: object) -> None:
    assert callable(page)
    requests = {line.split()[0] for line in page().splitlines() if line.startswith((".", "'"))}

    assert requests <= REQUESTS
    assert ".TP" in requests


def test_text_that_looks_like_a_request_is_none() -> None:
    assert roff(".so /etc/passwd\n'br\\n") == "\\&.so /etc/passwd\n\\&'br\\en"
