"""The base of all sections of the configuration: frozen, strictly typed, and without unknown keys.

Defaults have the form that they would have in the file, and are validated like values from the file.
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
    """Values that are valid alone but not together; the message names `key`."""

    def __init__(self, key: str | int, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key


def setting(default: object, why: str, **bounds: Any) -> Any:  # noqa: ANN401  as pydantic's own Field
    """A key with a default."""
    return Field(default=default, description=why, **bounds)


def optional(why: str, **bounds: Any) -> Any:  # noqa: ANN401  as pydantic's own Field
    """A key of type `values.LeftOut`: None where it is left out."""
    return Field(default=None, description=why, validate_default=False, **bounds)


def needed(why: str, **bounds: Any) -> Any:  # noqa: ANN401  as pydantic's own Field
    """A key without a default."""
    return Field(description=why, **bounds)
