"""An SMTP reply that cannot contradict itself (RFC 5321 section 4.2, RFC 3463, RFC 2034)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.model.errors import ReplyError

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class Reply:
    """A code, an enhanced status of the same class, and one line of text.

    Raises `ReplyError` if the two classes differ: with 451 and 5.x.x, Postfix returned mail that should have waited.
    """

    code: int
    enhanced: str
    text: str

    def __post_init__(self) -> None:
        if not (_ENHANCED.fullmatch(self.enhanced) and self.enhanced[0] == str(self.code)[0]):
            raise ReplyError(f"{self.code} does not go with {self.enhanced}")
        if not 200 <= self.code <= 599 or _UNPRINTABLE.search(self.text):
            raise ReplyError("a reply is 2xx, 4xx or 5xx and one line of printable ASCII")

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"

    @property
    def accepted(self) -> bool:
        """2xx: the recipient is served."""
        return self.code < 300

    @property
    def temporary(self) -> bool:
        """4xx: the client keeps the mail."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5xx: the client gives up."""
        return self.code >= 500
