"""The rules of the policy as they stand in the file. Raises `ConfigError` where it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from relay.config import load, yaml_tree


@dataclass(frozen=True, slots=True)
class Written:
    """One rule of the policy, as the configuration file writes it."""

    name: str
    line: int
    """The number of its first line, from 1."""
    text: str
    """Its lines, without their common indentation."""


def written(file: Path) -> list[Written]:
    """All rules, in their order. Raises `ConfigError`."""
    names = [rule.name for rule in load(file).policy]
    octets = file.read_bytes()
    lines = octets.decode("utf-8").splitlines()
    places = yaml_tree.read(octets, str(file)).lines
    found: list[Written] = []
    for number, name in enumerate(names):
        inside = [line for path, line in places.items() if path[:2] == ("policy", number)]
        found.append(Written(name, min(inside), dedent("\n".join(lines[min(inside) - 1 : max(inside)]))))
    return found
