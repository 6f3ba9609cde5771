"""Python values in frames (`relay.process.ipc`), between processes that are one program of one user.

Only where both ends are as trusted as this process: nothing from outside is ever unpickled, and what communicates
with strangers (`relay.keys.wkd.fetch_process`, `relay.keys.ldap.worker`) never loads this module. Long octets travel
beside the pickle, as they are: pickling them would hold the interpreter lock for as long as copying takes. Octets that
the other end holds already (`held`) do not travel at all.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

from relay.process.ipc import Frame, Limits

LONG = 1 << 16
"""Strings from this many octets on are not pickled."""
LIMITS = Limits(words=1 << 10, strings=sys.maxsize, octets=sys.maxsize)
"""Of frames between equals: their values are bounded where they come from."""

_HELD = -1


def packed(value: object, held: bytes | None = None) -> list[bytes]:
    """The strings of a frame with this value. `held`, if it is in the value, is only named."""
    file = io.BytesIO()
    pickler = _Pickler(file, held)
    pickler.dump(value)
    return [file.getvalue(), *pickler.long]


def unpacked(frame: Frame, held: bytes | None = None) -> Any:  # noqa: ANN401  whatever was sent
    """The value; `held` is what this end holds."""
    pickled, *long = frame.strings
    return _Unpickler(io.BytesIO(pickled), long, held).load()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, held: bytes | None) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.long: list[bytes] = []
        self._held = held

    def persistent_id(self, obj: object) -> int | None:
        if type(obj) is not bytes:
            return None
        if obj is self._held:
            return _HELD
        if len(obj) < LONG:
            return None
        self.long.append(obj)
        return len(self.long) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, long: list[bytes], held: bytes | None) -> None:
        super().__init__(file)
        self._long = long
        self._held = held

    def persistent_load(self, pid: int) -> bytes:
        if pid != _HELD:
            return self._long[pid]
        if self._held is None:
            raise pickle.UnpicklingError("nothing is held")
        return self._held
