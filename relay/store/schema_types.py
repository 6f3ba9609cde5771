"""The type of columns that hold text from outside, and where all tables of the store are registered."""

from __future__ import annotations

from sqlalchemy import LargeBinary, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Octets(TypeDecorator[str]):
    """Text stored as its octets: compared without collation, and whole even where it is no Unicode.

    An address as received may hold octets that are not UTF-8 (kept as lone surrogates); no database takes
    those as text.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Encode the text for the database; None stays None."""
        del dialect
        return None if value is None else as_octets(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """Decode the text from the database; None stays None."""
        del dialect
        return None if value is None else as_text(value)


def as_octets(text: str) -> bytes:
    """Text as `Octets` stores it."""
    return text.encode("utf-8", "surrogatepass")


def as_text(octets: bytes) -> str:
    """Text as `Octets` reads it."""
    return bytes(octets).decode("utf-8", "surrogatepass")


tables = MetaData()
"""Complete once `relay.store.schema` is loaded."""
