"""`check` looks where this machine's Postfix leads its mail."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from lab.relay import PROGRAM

from relay.admin.mail_path_check import NOT_EGRESS

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
    words: list[str | Path] = [PROGRAM, "-c", file, "check", "--json"]
    done = subprocess.run(words, capture_output=True, check=False, timeout=60, env=os.environ | path)
    (found,) = [each for each in json.loads(done.stdout) if each["name"] == "postfix"]
    assert (found["ok"], found["message"]) == TOLD[value]


INBOUND = "pgp-relay-inbound:[127.0.0.1]:10035"
AGAIN = "pgp-relay postfix install --inbound"
ELSEWHERE = "pgp-relay-inbound:[127.0.0.1]:10099"


@pytest.mark.parametrize(
    ("given", "leaving", "told"),
    [
        ("", "smtp", (True, "Postfix leads no mail from outside to the relay (pgp-relay postfix install --inbound)")),
        (INBOUND, OURS, (True, f"Postfix leads it to {INBOUND}")),
        (INBOUND, "smtp", (True, f"{INBOUND}; {NOT_EGRESS}")),
        (ELSEWHERE, OURS, (False, f"Postfix leads it to {ELSEWHERE}, not to {INBOUND}: {AGAIN}")),
    ],
)
def test_check_looks_where_mail_from_outside_goes(
    given: str, leaving: str, told: tuple[bool, str], tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "postconf"
    program.parent.mkdir()
    filtered = f"smtp/inet/content_filter = {given}" if given else ""
    lines = (f'[ "$1" = -P ] && echo "{filtered}" && exit', f'[ "$2" = default_transport ] && echo "{leaving}" || echo')
    program.write_text("\n".join(("#!/bin/sh", *lines, "")))
    program.chmod(0o755)
    file = tmp_path / "config.yaml"
    file.write_text(
        "policy: []\nlookup: {sources: [keyring]}\nown: {domains: [hopital.example]}\n"
        'inbound: {listen: ["lmtp://127.0.0.1:10035"], reinject: "smtp://127.0.0.1:10036"}\n'
    )
    path = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    words: list[str | Path] = [PROGRAM, "-c", file, "check", "--json"]
    done = subprocess.run(words, capture_output=True, check=False, timeout=60, env=os.environ | path)
    (found,) = [each for each in json.loads(done.stdout) if each["name"] == "incoming mail"]
    assert (found["ok"], found["message"]) == told
