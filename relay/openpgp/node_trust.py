"""Which keys of other nodes this node trusts: a file beside its own key, not a table of the database.

So a person who can write to the database cannot have secret keys sent to a key of their own. An administrator compared
each fingerprint here, or a trusted node vouches for it. A removed key is never trusted again. Raises `EngineError`.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from relay.model.errors import EngineError
from relay.model.node_key import NodeKey
from relay.openpgp import secret_parts

FILE = "trust.json"
LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Known:
    """The key of a node that is trusted, and who said so."""

    node: str
    by: str
    """The fingerprint of the node that vouches for it; empty: the administrator of this one."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The trusted keys by fingerprint, and the removed ones."""

    keys: Mapping[str, Known] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()

    def with_key(self, key: NodeKey, by: str = "") -> Trust:
        """Return the trust with one more key; unchanged where that key was removed before."""
        if key.fingerprint in self.removed or key.fingerprint in self.keys:
            return self
        return Trust({**self.keys, key.fingerprint: Known(key.node, by)}, self.removed)

    def without(self, fingerprint: str) -> Trust:
        """Return the trust without this key, which is never trusted again."""
        keys = {known: what for known, what in self.keys.items() if known != fingerprint}
        return Trust(keys, self.removed | {fingerprint})


class TrustFile:
    """The file with the trusted keys, in the folder of the node's own key."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def read(self) -> Trust:
        """The trust as it is now; nobody is trusted where there is no file."""
        try:
            with self._file.open("rb") as file:
                return _trust(file.read(LARGEST))
        except FileNotFoundError:
            return Trust()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineError(f"{self._file} cannot be read") from error

    def change(self, change: Callable[[Trust], Trust]) -> Trust:
        """Change the file, under a lock. Returns the trust afterwards."""
        try:
            with _alone(self._file.with_name("lock")):
                before = self.read()
                after = change(before)
                if after != before:
                    self._write(after)
                return after
        except OSError as error:
            raise EngineError(f"{self._file} cannot be written: {error.strerror}") from error

    def _write(self, trust: Trust) -> None:
        keys = {fingerprint: [known.node, known.by] for fingerprint, known in trust.keys.items()}
        secret_parts.replace(self._file, json.dumps({"keys": keys, "removed": sorted(trust.removed)}).encode())


def _trust(octets: bytes) -> Trust:
    found = json.loads(octets)
    keys = {str(fingerprint): Known(str(node), str(by)) for fingerprint, (node, by) in found["keys"].items()}
    return Trust(keys, frozenset(map(str, found["removed"])))


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
