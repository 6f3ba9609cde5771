"""What every part of the configuration has in common: frozen, strict, and no key that is not known.

Defaults are written as they would stand in the file, and read as they would be read from it.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A mapping of known keys."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", validate_default=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class Contradiction(ValueError):
    """Values that are each right and do not go together; `key` is the one to look at."""

    def __init__(self, key: str | int, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key


def setting(default: object, why: str, **bounds: Any) -> Any:  # noqa: ANN401  as pydantic's own Field
    """A key that may be left out."""
    return Field(default=default, description=why, **bounds)


def optional(why: str, **bounds: Any) -> Any:  # noqa: ANN401  as pydantic's own Field
    """A key of type `values.LeftOut`: None where it is left out."""
    return Field(default=None, description=why, validate_default=False, **bounds)


def needed(why: str, **bounds: Any) -> Any:  # noqa: ANN401  as pydantic's own Field
    """A key that has to be given."""
    return Field(description=why, **bounds)
