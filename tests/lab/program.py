"""The program without a process: `pgp-relay WORDS` called in this one, which takes milliseconds.

For what is decided before anything runs: wrong use, wrong configurations, an unusable store. What a process adds
(signals, terminals, environment) is tested with `lab.relay.Relay`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.cli.main import app, guarded


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


def program(capsys: pytest.CaptureFixture[str], *words: str | Path | int) -> Done:
    """Its exit status, and what it said where."""
    capsys.readouterr()
    try:
        status = guarded(lambda: app([str(word) for word in words], prog_name="pgp-relay"))
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    said = capsys.readouterr()
    return Done(status, said.out, said.err)
