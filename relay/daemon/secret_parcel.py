"""What one node gives another: secret keys and the public halves that belong to them, as JSON before encryption.

`Parcel.unpacked` raises `EngineError` for what no node writes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from relay.model.errors import EngineError


@dataclass(frozen=True, slots=True)
class Parcel:
    """The content of a parcel before encryption."""

    files: dict[str, bytes]
    """Secret keys, by the names of their files."""
    public: bytes

    def packed(self) -> bytes:
        """Return the parcel as octets, which are then encrypted to the receiving node's key."""
        files = {name: base64.b64encode(octets).decode("ascii") for name, octets in self.files.items()}
        return json.dumps({"files": files, "public": base64.b64encode(self.public).decode("ascii")}).encode()

    @classmethod
    def unpacked(cls, content: bytes) -> Self:
        """Read what another node packed."""
        try:
            words = json.loads(content)
            return cls(dict(_files(words["files"])), base64.b64decode(words["public"], validate=True))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineError("what another node sent cannot be understood") from error


def _files(words: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    for name, text in words.items():
        yield name, base64.b64decode(text, validate=True)
