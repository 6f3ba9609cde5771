"""How the sender learns of a decision. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from relay.model import Clear, Decision, Defer, Encrypt, Hold, Pass, Pickup, Refuse


class Telling(StrEnum):
    """How the sender is told."""

    NOTHING = "nothing"
    """Not at all."""
    NOTICE = "notice"
    """By a mail: a refused recipient is then answered 250; of a held mail there is one notice."""
    REPLY = "reply"
    """By the SMTP answer, 550."""


def telling(decision: Decision, *, sender_null: bool, notify_never: bool, automatic: bool) -> Telling:
    """How the sender learns of it; there is no notice to `<>`, to programs, or where NOTIFY=NEVER was asked for."""
    possible = not (sender_null or notify_never or automatic)
    match decision:
        case Refuse(by_reply=by_reply):
            return Telling.NOTICE if possible and not by_reply else Telling.REPLY
        case Hold():
            return Telling.NOTICE if possible else Telling.NOTHING
        case Pass() | Encrypt() | Clear() | Pickup() | Defer():
            return Telling.NOTHING
        case _ as never:
            assert_never(never)
