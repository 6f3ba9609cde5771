"""The names of all keys, from the model: for suggestions, the reference and the tests."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

from relay.config.base import Section
from relay.config.model import Config
from relay.config.yaml_tree import Path


def keys_of(section: type[Section]) -> dict[str, FieldInfo]:
    """The keys of one section, as they are written."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def section_in(annotation: Any) -> type[Section] | None:  # noqa: ANN401  a type, of any form
    """The section that a key holds, or a list of which it holds."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for inner in get_args(annotation) if (found := section_in(inner))), None)


def every_key(
    section: type[Section] = Config, inside: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """All keys with their paths, in the model's order."""
    for name, field in keys_of(section).items():
        yield (*inside, name), field
        if inner := section_in(field.annotation):
            yield from every_key(inner, (*inside, name))


def siblings(path: Path) -> tuple[str, ...]:
    """The keys of the section that this path is in."""
    section: type[Section] | None = Config
    for step in path[:-1]:
        if section is None or isinstance(step, int):
            continue
        field = keys_of(section).get(step)
        section = section_in(field.annotation) if field else None
    return tuple(keys_of(section)) if section else ()


def meant(path: Path) -> str | None:
    """The sibling whose name is nearest to this unknown key's."""
    return next(iter(difflib.get_close_matches(str(path[-1]).lower(), siblings(path), 1)), None)


def elsewhere(name: str) -> str | None:
    """The path of a key of this name in another section."""
    return next((".".join(path) for path, _ in every_key() if path[-1] == name), None)
