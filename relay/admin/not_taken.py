"""Mail that is refused as a whole for its form or size, whatever the rules say."""

from __future__ import annotations

from relay.config import Config
from relay.model import Refuse, replies
from relay.pipeline.receive import rejection

ID = "explain"
"""In place of a message's id."""


def not_taken(config: Config, content: bytes) -> Refuse | None:
    """The refusal of a mail of this form, whoever wrote it; None: it is taken."""
    large = len(content) > config.max_message_size
    reply = replies.too_large(config.max_message_size) if large else rejection(content, ID)
    told = str(reply).removesuffix(f", id {ID}")
    return Refuse("", f"the relay does not take it: {told}", by_reply=True) if reply else None
