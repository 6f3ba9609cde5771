"""Why a mail that looks encrypted does not count as encrypted, so that it is encrypted or refused like any other."""

from __future__ import annotations

from enum import StrEnum


class Doubt(StrEnum):
    """The values are what people read."""

    ANOTHER_PART = "another part of it can be read"
    AROUND = "text stands before, between or behind its encrypted parts"
    HEADERS = "the header of an encrypted part says more than what the part is"
    IDENTIFIERS = "a boundary or Content-ID in it reads like text"
    LINES = "its base64 does not stand in full lines"
    FORM = "it has not the form of an encrypted message"
    READABLE = "what stands in it for encrypted data reads like text"
    TOO_MUCH = "it has more parts, or deeper ones, than are read"
    UNKNOWN_KEYS = "it is not encrypted to a key that is known for this recipient"

    def beside(self, reason: str) -> str:
        """A decision's reason, and this doubt."""
        return f"{reason}; it looks encrypted, but {self.value}"
