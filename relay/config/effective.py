"""The configuration in effect: the file's values, and defaults for keys that it leaves out; as it would be written.

Passwords in a database URL are not shown. `whole` takes a file that was read without a fault; `get` raises `KeyError`
where there is no such key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic.fields import FieldInfo

from relay.config import yaml_tree
from relay.config.base import Section
from relay.config.key_names import keys_of, section_in
from relay.config.model import Config
from relay.config.values import OFF
from relay.config.yaml_tree import Value

_PASSWORD = re.compile(r"(://[^:@/]*:)[^@/]*@")
DECIDING = ("policy", "refuse_with", "weak_keys", "shadow")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class Difference(NamedTuple):
    """A key that the file gives another value than its default."""

    key: str
    value: Value
    default: Value


def whole(path: Path) -> dict[str, Value]:
    """Every key with its value."""
    return _merged(Config, _written(path))


def deciding(values: Mapping[str, Value]) -> str:
    """The values that decide about a mail, with the defaults, as one text."""
    merged = _merged(Config, values)
    return json.dumps({name: merged[name] for name in DECIDING}, sort_keys=True, default=str)


def differences(path: Path) -> list[Difference]:
    """The keys whose value differs from the default, in the order of the reference."""
    return list(_differences(Config, _written(path), ""))


def get(values: Value, key: str) -> Value:
    """The value of `lookup.wkd.timeout` or `policy[0].name`."""
    rest = key
    while rest:
        step = _STEP.match(rest)
        if step is None:
            raise KeyError(key)
        values = _inside(values, step)
        rest = rest[step.end() :].removeprefix(".")
    return values


def text(value: Value) -> str:
    """One value on a line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_yaml(values: Mapping[str, Value]) -> str:
    """The values as the text of a configuration file."""
    return yaml.safe_dump(dict(values), allow_unicode=True, sort_keys=False, width=100)


def _written(path: Path) -> dict[str, Value]:
    return yaml_tree.read(path.read_bytes(), str(path)).values


def _inside(value: Value, step: re.Match[str]) -> Value:
    if isinstance(value, dict) and step[1]:
        return value[step[1]]
    if isinstance(value, list) and step[2] and int(step[2]) < len(value):
        return value[int(step[2])]
    raise KeyError(step[0])


def _merged(section: type[Section], given: Mapping[str, Value]) -> dict[str, Value]:
    merged: dict[str, Value] = {}
    for name, field in keys_of(section).items():
        if name in given or not _left_out(field):
            merged[name] = _value(field, given.get(name, field.default))
    return merged


def _value(field: FieldInfo, value: Value) -> Value:
    inner = section_in(field.annotation)
    if inner and isinstance(value, dict):
        return _merged(inner, value)
    if inner and isinstance(value, list):
        return [_merged(inner, each) if isinstance(each, dict) else each for each in value]
    if value is False and OFF in field.metadata:
        return "off"
    return _PASSWORD.sub(r"\1…@", value) if isinstance(value, str) else value


def _differences(section: type[Section], given: Mapping[str, Value], above: str) -> Iterator[Difference]:
    for name, field in keys_of(section).items():
        if name not in given:
            continue
        inner, value = section_in(field.annotation), given[name]
        default = None if field.is_required() or _left_out(field) else field.default
        if inner and isinstance(value, dict):
            yield from _differences(inner, value, f"{above}{name}.")
        elif inner and isinstance(value, list):
            yield from (Difference(f"{above}{name}[{n}]", each, None) for n, each in enumerate(value))
        elif value != default:
            yield Difference(f"{above}{name}", _value(field, value), default)


def _left_out(field: FieldInfo) -> bool:
    """Made by `base.optional`: it has no default."""
    return field.validate_default is False
