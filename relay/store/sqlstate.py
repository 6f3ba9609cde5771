"""What an error of PostgreSQL means, by its SQLSTATE (PostgreSQL's manual, appendix A), in our own words."""

from __future__ import annotations

READ_ONLY = "25006"
IS_READ_ONLY = "the store is read-only"

_BUSY = "the store is locked by another process"
_POOLER = "the database is behind a pooler in transaction mode: connect to it directly, or use session pooling"
_LOGIN = "the database refuses the user or the password: see pg_hba.conf, database_password_file and PGPASSFILE"
_RIGHTS = "the database user may not do that: make it the owner of the database"
_AWAY = "the database shuts down or starts"
_WORDS = {
    READ_ONLY: IS_READ_ONLY,
    "25P03": "a step in the store took too long, and the database ended it",
    "26000": _POOLER,
    "3D000": "the database does not exist: create it with createdb",
    "42501": _RIGHTS,
    "42P05": _POOLER,
    "53100": "the store's disk is full",
    "53200": "the database is out of memory",
    "53300": "the database takes no more connections: raise max_connections, or lower database_connections",
    "55P03": _BUSY,
    "40P01": _BUSY,
    "57014": "the store is too busy",
    "57P01": _AWAY,
    "57P02": _AWAY,
    "57P03": _AWAY,
    "57P05": _AWAY,
}
_CLASSES = {"28": _LOGIN, "58": "the store cannot be read or written: the disk fails or is full"}

TRANSACTION_POOLING = _POOLER


def words(sqlstate: str) -> str | None:
    """The sentence; None where there is none for it."""
    return _WORDS.get(sqlstate) or _CLASSES.get(sqlstate[:2])
