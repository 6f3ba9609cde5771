"""A server without internet access: `check` says what to set, and with that it is fine."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from lab.relay import PROGRAM

CONFIGURATIONS = ["", "lookup: {sources: [wkd]}\n", "lookup: {sources: [wkd, keyring]}\n"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a network without anything in it")
@pytest.mark.parametrize("lookup", CONFIGURATIONS)
def test_check_said_no_more_than_that_a_name_cannot_be_resolved(lookup: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"

    def sources(text: str) -> tuple[bool, str]:
        file.write_text(f"policy: []\n{text}")
        words: list[str | Path] = ["unshare", "--net", PROGRAM, "-c", file, "check", "--json"]
        done = subprocess.run(words, capture_output=True, check=False, timeout=100)
        (found,) = [each for each in json.loads(done.stdout) if each["name"] == "sources"]
        return found["ok"], found["message"]

    fine, message = sources(lookup)
    advice = re.search(r"on a server without internet access set (lookup: \{.*?\}), or mail to unknown", message)
    assert (fine, bool(advice)) == (False, True), message
    assert advice
    assert sources(f"{advice[1]}\n") == (True, "keyring")
