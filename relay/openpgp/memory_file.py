"""Files in memory (memfd_create(2)) for what GnuPG reads and writes: nothing of it lies on a disk.

Raises `EngineError` where the process has too many files open.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from relay.model.errors import EngineError


@contextmanager
def memory(content: bytes) -> Iterator[int]:
    """A file in memory that holds `content`, read from its beginning."""
    with _descriptor() as fd:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd


@contextmanager
def memories(contents: Iterable[bytes]) -> Iterator[list[int]]:
    """A file in memory for each of these contents, as descriptors; closed at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(memory(content)) for content in contents]


def name(fd: int) -> str:
    """The file name under which a passed descriptor is opened anew."""
    return f"/proc/self/fd/{fd}"


@contextmanager
def _descriptor() -> Iterator[int]:
    try:
        fd = os.memfd_create("pgp-relay", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError as error:
        raise EngineError("too many files are open to call gpg") from error
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def sink(most: int) -> Iterator[int]:
    """A file in memory that cannot grow beyond `most` octets; what is not written takes no memory."""
    with _descriptor() as fd:
        os.ftruncate(fd, most)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        yield fd


def written(fd: int) -> bytes:
    """Return what was written to a `sink`: descriptors that are inherited share their position."""
    return os.pread(fd, os.lseek(fd, 0, os.SEEK_CUR), 0)
