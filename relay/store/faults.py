"""Exceptions of SQLAlchemy, its drivers and the file system become `StoreError`: the one place that translates them.

The text is ours: messages of a database may quote addresses. A failure of the store is never an empty answer.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from relay.model.errors import StoreError
from relay.store import sqlstate

_UNUSABLE = "the store cannot be used"
# SQLite's primary result codes (https://www.sqlite.org/rescode.html).
_SQLITE = {
    sqlite3.SQLITE_BUSY: "the store is locked by another process",
    sqlite3.SQLITE_LOCKED: "the store is locked by another process",
    sqlite3.SQLITE_READONLY: "the store is read-only",
    sqlite3.SQLITE_PERM: "the store may not be opened",
    sqlite3.SQLITE_AUTH: "the store may not be opened",
    sqlite3.SQLITE_CANTOPEN: "the store cannot be opened",
    sqlite3.SQLITE_IOERR: "the store cannot be read or written: the disk fails or is full",
    sqlite3.SQLITE_FULL: "the store's disk is full",
    sqlite3.SQLITE_CORRUPT: "the store is corrupt",
    sqlite3.SQLITE_NOTADB: "the store is corrupt, or no database of ours",
}
_SYSTEM = {
    errno.ENOSPC: "the store's disk is full",
    errno.EROFS: "the store is read-only",
    errno.EACCES: "the store may not be opened",
    errno.EPERM: "the store may not be opened",
    errno.ENOENT: "the store's folder does not exist",
    errno.ENOTDIR: "the store's folder does not exist",
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise `StoreError` for whatever the database raises inside."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(words(error.orig)) from None
    except PoolTimeout:
        raise StoreError("the store is too busy") from None
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StoreError(words(error)) from None


def words(error: BaseException | None) -> str:
    """The sentence for an error of a driver or of the system."""
    if found := sqlstate.words(str(getattr(error, "sqlstate", None) or "")):
        return found
    if isinstance(error, OSError):
        return _SYSTEM.get(error.errno or 0, _UNUSABLE)
    return _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, _UNUSABLE)
