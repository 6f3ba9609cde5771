"""A mail client's view of a mail: notmuch decrypts, verifies and restores the subject."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any


def show(mail: bytes, home: Path) -> dict[str, Any]:
    """The message as notmuch shows it with the keys of that GnuPG home."""
    with tempfile.TemporaryDirectory(prefix="pr") as name:
        folder = Path(name)
        (folder / "mail").mkdir()
        (folder / "mail" / "one").write_bytes(mail)
        config = folder / "config"
        config.write_text(f"[database]\npath={folder}/mail\n[user]\nprimary_email=x@example.org\n[new]\ntags=new\n")
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": name}
        environment |= {"NOTMUCH_CONFIG": str(config), "GNUPGHOME": str(home)}
        for words in (["new", "--quiet"], ["show", "--decrypt=true", "--verify", "--format=json", "*"]):
            done = subprocess.run(["notmuch", *words], env=environment, capture_output=True, check=True)
    message: dict[str, Any] = json.loads(done.stdout)[0][0][0]
    return message


def leaves(part: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts below, in their order."""
    content = part.get("content")
    if not isinstance(content, list):
        return [part]
    return [leaf for child in content for leaf in leaves(child)]
