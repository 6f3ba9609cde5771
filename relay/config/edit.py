"""Values written into the text of a configuration file: comments and everything else stay as they are.

Pure. The text has to be YAML that `yaml_tree.read` takes. Raises `ValueError` where a key's parent is no mapping.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

import yaml

from relay.config.yaml_tree import Value

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.@/-]*")


def with_values(text: str, values: Mapping[str, Value]) -> str:
    """The text in which each of these keys (`lookup.sources`) has this value."""
    for key, value in values.items():
        text = _with_value(text, key.split("."), value)
    return text


def _with_value(text: str, names: list[str], value: Value) -> str:
    parent: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    if parent is None:
        return _appended(text, names, value)
    for depth, name in enumerate(names):
        if not isinstance(parent, yaml.MappingNode):
            raise ValueError(f"{'.'.join(names[:depth])} is no mapping")  # noqa: TRY004  a wrong file, not a wrong call
        child = next((item for key, item in parent.value if key.value == name), None)
        if child is None:
            return _appended(text, names, value) if depth == 0 else _inserted(text, parent, names[depth:], value)
        parent = child
    return text[: parent.start_mark.index] + _written(value) + text[_end(parent) :]


def _end(node: yaml.Node) -> int:
    """Behind its last octet; PyYAML's mark of a block collection stands behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _inserted(text: str, parent: yaml.MappingNode, names: list[str], value: Value) -> str:
    """As the first key of this mapping."""
    inside = _nested(names[1:], value)
    start = parent.start_mark.index
    if parent.flow_style:
        comma = ", " if parent.value else ""
        return f"{text[: start + 1]}{names[0]}: {inside}{comma}{text[start + 1 :]}"
    return f"{text[:start]}{names[0]}: {inside}\n{' ' * parent.start_mark.column}{text[start:]}"


def _appended(text: str, names: list[str], value: Value) -> str:
    """As the last key of the file."""
    line = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{line}{names[0]}: {_nested(names[1:], value)}\n"


def _nested(names: list[str], value: Value) -> str:
    return "".join(f"{{{name}: " for name in names) + _written(value) + "}" * len(names)


def _written(value: Value) -> str:
    """A value on one line; plain words stay plain."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:  # `no` and `null` are no text
        return value
    return str(yaml.safe_dump(value, default_style='"', allow_unicode=True, width=math.inf)).strip()
