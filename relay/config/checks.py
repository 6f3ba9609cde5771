"""How faults in combinations of values are found: checks, each with the keys that it depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from relay.config.model import Config
from relay.config.yaml_tree import Path

Problem = tuple[Path, str]
"""The value that is at fault; what is wrong, and what to do about it."""
Check = Callable[[Config], Iterator[Problem]]


class Checks:
    """Several checks, in the order in which they are made."""

    def __init__(self) -> None:
        self._checks: list[tuple[frozenset[str], Check]] = []

    def of(self, *keys: str) -> Callable[[Check], Check]:
        """Add a check that depends on these keys of the configuration."""

        def add(check: Check) -> Check:
            self._checks.append((frozenset(keys), check))
            return check

        return add

    def problems(self, config: Config, unsure: frozenset[str]) -> Iterator[Problem]:
        """The problems found by the checks that depend on no key in `unsure`, whose values are not known."""
        for keys, check in self._checks:
            if not keys & unsure:
                yield from check(config)
