"""`check` looks where this machine's Postfix leads its mail."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from lab.relay import PROGRAM

OTHER = "pgp-relay:[127.0.0.1]:10099"
OURS = "pgp-relay:[127.0.0.1]:10025"
TOLD = {
    "": (True, "leads no mail to the relay: content_filter is not set (pgp-relay postfix install)"),
    OURS: (True, f"leads mail to {OURS}"),
    OTHER: (False, f"leads mail to {OTHER}, and the relay listens at {OURS}: pgp-relay postfix install"),
}


@pytest.mark.parametrize("value", TOLD)
def test_check_did_not_look_at_postfix(value: str, tmp_path: Path) -> None:
    """A postconf that knows this value stands in the place of the machine's."""
    program = tmp_path / "bin" / "postconf"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$2" = content_filter ] && echo "{value}" || echo\n')
    program.chmod(0o755)
    file = tmp_path / "config.yaml"
    file.write_text("policy: []\nlookup: {sources: [keyring]}\n")
    path = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    words = [PROGRAM, "-c", file, "check", "--json"]
    done = subprocess.run(words, capture_output=True, check=False, timeout=60, env=os.environ | path)
    (found,) = [each for each in json.loads(done.stdout) if each["name"] == "postfix"]
    assert (found["ok"], found["message"]) == TOLD[value]
