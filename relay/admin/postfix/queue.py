"""Asks Postfix to try mails of its queue again now (`postqueue -i`, postqueue(1)).

Raises `PostfixError`.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.admin.postfix.folder import run
from relay.model.envelope import is_queue_id

MOST = 1_000
"""Mails asked for one by one: each is a process."""


def flush(queue_ids: Iterable[str]) -> list[str]:
    """Ask for each once; those that were asked for. What is no queue id of Postfix's is left alone."""
    asked = list(dict.fromkeys(filter(is_queue_id, queue_ids)))[:MOST]
    for queue_id in asked:
        run("postqueue", None, "-i", queue_id)
    return asked
