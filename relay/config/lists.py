"""The types of the configuration's lists, which are tuples once they are read.

A validator raises `ValueError` with a sentence for the person who wrote the file, and nothing else.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from relay.config.base import Contradiction, Section

T = TypeVar("T")


def _several(value: object) -> object:
    """Turn one value into a tuple of one, and a list into a tuple."""
    return tuple(value) if isinstance(value, list) else value if isinstance(value, tuple | dict) else (value,)


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    twice = next((index for index, value in enumerate(values) if value in values[:index]), None)
    if twice is not None:
        which = "" if isinstance(values[twice], Section) else f"“{values[twice]}” "  # a section's place says which
        raise Contradiction(twice, f"{which}stands twice")
    return values


InOrder = Annotated[tuple[T, ...], BeforeValidator(_listed)]
Listed = Annotated[tuple[T, ...], BeforeValidator(_listed), AfterValidator(_distinct)]
AtLeastOne = Annotated[tuple[T, ...], BeforeValidator(_listed), AfterValidator(_distinct), Field(min_length=1)]
Several = Annotated[tuple[T, ...], BeforeValidator(_several), AfterValidator(_distinct), Field(min_length=1)]
