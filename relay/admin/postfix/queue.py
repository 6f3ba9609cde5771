"""What is in Postfix's queue, as postqueue(1) prints it. Raises `PostfixError`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from relay.admin.postfix.folder import run_octets
from relay.model.errors import PostfixError
from relay.process import postqueue


def queued(folder: Path | None) -> list[dict[str, Any]]:
    """All mails in the queue: for each the object that `postqueue -j` prints."""
    try:
        return list(postqueue.mails(run_octets("postqueue", folder, "-j", most=postqueue.LARGEST)))
    except ValueError:
        raise PostfixError("what postqueue prints cannot be read") from None
