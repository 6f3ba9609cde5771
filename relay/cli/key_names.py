"""How a key is named on the command line: by its fingerprint, the beginning of that, or a key id, with any spaces."""

from __future__ import annotations

from typing import Annotated

import typer

from relay.cli.output import fail

_HELP = "A fingerprint, its beginning, or a key id; spaces do not count."

Fingerprint = Annotated[list[str], typer.Argument(metavar="FINGERPRINT", help=_HELP)]
OptionalFingerprint = Annotated[list[str] | None, typer.Argument(metavar="[FINGERPRINT]", help=_HELP)]

_WHOLE = {16, 40, 64}
"""The lengths of a key id and of fingerprints: a word of such a length is a whole name, not a group of digits."""


def one_name(words: list[str]) -> str:
    """The name of one key, which may be several words."""
    name = " ".join(words)
    if len(words) > 1 and any("@" in word or len(word.removeprefix("0x")) in _WHOLE for word in words):
        fail(f"{name}: one key at a time", status=2)
    return name
