"""pysequoia's exceptions, translated once.

It raises RuntimeError for everything, with a stack trace (and paths of whoever built it) in the text; a bug
in its Rust half comes as a `PanicException`, which no `except Exception` catches. Neither text is passed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from relay.model.errors import EngineError

_RUST = "pyo3_runtime"


class Declined(EngineError):
    """Sequoia does not do this: its policy, or what it was given."""


@contextmanager
def translated(sentence: str) -> Iterator[None]:
    """Whatever pysequoia raises is `Declined` with this sentence."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError):
        raise Declined(sentence) from None
    except BaseException as error:
        if type(error).__module__ == _RUST:
            raise Declined(sentence) from None
        raise
