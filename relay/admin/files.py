"""Files of the machine replaced in one step."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace(file: Path, octets: bytes) -> None:
    """Put these in the file's place, with its mode and owner; or leave everything as it was.

    Whoever reads it meanwhile sees the old file or the new one. A symbolic link stays one. Raises `OSError`.
    """
    real = file.resolve()
    descriptor, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    try:
        _fill(descriptor, octets, real.stat())
        os.replace(name, real)  # noqa: PTH105  the name is a string here
    except BaseException:
        os.unlink(name)  # noqa: PTH108  likewise a string
        raise


def _fill(descriptor: int, octets: bytes, like: os.stat_result) -> None:
    with open(descriptor, "wb") as target:
        target.write(octets)
        os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, like.st_mode & 0o7777)
        target.flush()
        os.fsync(descriptor)
