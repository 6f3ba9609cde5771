"""YAML read into plain values, with the line of each (YAML 1.1 as PyYAML reads it).

Only plain values are made: no tag, no date, no merge. Size, depth and the number of nodes after the expansion of
aliases are bounded. Raises `ConfigError` where nothing can be read. Keys that stand twice or are no text, and keys and
list items without a value, are collected in `faults`, to be reported together with all other faults.

A key without a value is a fault and never null: the value that stood there may have been commented out, and null may
mean more (a rule without patterns matches every recipient). `null` itself has to be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from relay.config.yaml_faults import sentence
from relay.model.errors import ConfigError, Fault

MOST_OCTETS = 2**20
MOST_NODES = 50_000
DEEPEST = 20

Path = tuple[str | int, ...]
"""The way to a value: `("policy", 0, "to")`."""
Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]

EMPTY = "is empty: give it a value, or take it out"

_TAG = "tag:yaml.org,2002:"
_PLAIN = frozenset(_TAG + name for name in ("str", "timestamp", "merge", "value"))
_TYPED = frozenset(_TAG + name for name in ("int", "float", "bool", "null"))


@dataclass(slots=True)
class Tree:
    """What a file holds."""

    file: str
    values: dict[str, Value] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[tuple[Path, Fault]] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Where the value stands; for what is missing, where it would belong."""
        return next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), 1)


def read(octets: bytes, file: str) -> Tree:
    """The tree of these octets; `file` is the name for its faults."""
    text = _decode(octets, file)
    try:
        _bound_depth(text, file)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        raise _fault(file, text[: error.position].count("\n") + 1, "a control character stands here") from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, file) from error
    return _Walk(file).tree(node)


def _decode(octets: bytes, file: str) -> str:
    if len(octets) > MOST_OCTETS:
        raise _fault(file, 0, f"is larger than {MOST_OCTETS} octets")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise _fault(file, line, "is not UTF-8 from here on: save the file as UTF-8") from error


def _bound_depth(text: str, file: str) -> None:
    """Refuse a text that is nested too deep, before PyYAML composes it recursively."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise _fault(file, _line(event), f"is nested more than {DEEPEST} deep")


class _Walk:
    """Walks the nodes, with a budget: an alias is walked as often as it is used."""

    def __init__(self, file: str) -> None:
        self._tree = Tree(file)
        self._left = MOST_NODES
        self._make = yaml.constructor.SafeConstructor()

    def tree(self, node: yaml.Node | None) -> Tree:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "null"):
            return self._tree
        if not isinstance(node, yaml.MappingNode):
            raise _fault(self._tree.file, _line(node), "holds no keys: write key: value, line by line")
        self._tree.values = self._mapping(node, ())
        return self._tree

    def _value(self, node: yaml.Node, path: Path) -> Value:
        self._left -= 1
        if self._left < 0 or len(path) > DEEPEST:
            raise _fault(self._tree.file, _line(node), f"unfolds into more than {MOST_NODES} values, or without end")
        self._tree.lines.setdefault(path, _line(node))
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN | _TYPED:
            return self._scalar(node, path)
        self._note(path, _line(node), f"has the tag {node.tag.replace(_TAG, '!!')}: only plain values are read")
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name, item in node.value:
            line = _line(name)
            if not isinstance(name, yaml.ScalarNode) or name.tag not in _PLAIN:
                self._note(path, line, "a key that is no text: put it in quotes")
                continue
            inside = (*path, name.value)
            if name.value in values:
                self._note(inside, line, f"stands twice, first in line {self._tree.lines[inside]}")
                continue
            self._tree.lines[inside] = line
            values[name.value] = self._value(item, inside)
        return values

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Value:
        if node.tag in _PLAIN:
            return str(node.value)
        if not node.value:
            self._note(path, _line(node), EMPTY)
            return None
        try:
            value: Value = self._make.construct_object(node)
        except (ValueError, OverflowError):
            self._note(path, _line(node), "is no number that can be read: put text in quotes")
            return None
        return value

    def _note(self, path: Path, line: int, message: str) -> None:
        self._tree.faults.append((path, Fault(self._tree.file, line, f"{dotted(path)}{message}")))


def dotted(path: Path) -> str:
    """The path as a prefix of a message, such as `policy[0].to: `; empty for the file itself."""
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return f"{steps.removeprefix('.')}: " if path else ""


def pruned(values: Mapping[str, Value], names: frozenset[str]) -> dict[str, Value]:
    """Return a copy of the mapping without these keys."""
    return {name: value for name, value in values.items() if name not in names}


def _line(part: yaml.Node | yaml.Event) -> int:
    return int(part.start_mark.line) + 1 if part.start_mark else 0


def _fault(file: str, line: int, message: str) -> ConfigError:
    return ConfigError((Fault(file, line, message),))


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    return _fault(file, mark.line + 1 if mark else 0, sentence(error))
