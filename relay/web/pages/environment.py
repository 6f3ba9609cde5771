"""The one way in which templates are read: every value is escaped, and a value that is missing is an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["Environment", "Filter", "build_environment"]

Filter = Callable[..., object]


def build_environment(package: str, filters: Mapping[str, Filter] | None = None) -> Environment:
    """The templates of a package, with these filters."""
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= filters or {}
    return made
