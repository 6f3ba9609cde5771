"""The reference of all keys as Markdown, made from the model.

`python -m relay.config.reference > docs/configuration.md` writes it; a test holds the two together.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from relay.config.key_names import every_key, section_in
from relay.config.values import Kind

_INTRODUCTION = """# Configuration keys

Written by `python -m relay.config.reference`.

The configuration is one YAML file, [config.yaml](../config.yaml). Only `policy` and the keys marked *needed* are
required. A wrong configuration does not start: unknown keys, impossible combinations and unreadable files are all
reported at once, with their lines. Relative paths begin in the folder of the file.

| value | is written |
| --- | --- |
| duration | a number and `ms`, `s`, `m`, `h`, `d` or `w`: `30s`, `15m`, `24h`, `183d` |
| size | octets, or with `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`: `50MiB` |
| URL | `lmtp://host:port`, `smtp://host:port`, `smtp+starttls://host:port`; a Unix socket: `lmtp:///path` |
| network | `10.1.0.0/16`, `::1/128`, or one address |
| text from a file | `${file:/run/secrets/name}` in a text: the one line in that file, which others may not read |
| address pattern | `name@domain`, `*@domain`, `*@*.domain` (domains below it), `*` (everyone), `<>` (the null sender) |
"""
_SECTIONS: Mapping[str, str] = {
    "listen": "Receiving and delivering",
    "keyring": "Keys and signatures",
    "lookup": "Where keys are looked for",
    "policy": "Policy",
    "refuse_with": "Notices to senders",
    "web": "The public web service",
    "console": "The console",
    "pickup": "Reading without OpenPGP",
    "retention": "Trace, metrics and log",
}
"""The headings, by the first key below each."""
_TABLE = """
| key | type | default | meaning |
| --- | --- | --- | --- |
"""
_PLAIN: Mapping[object, str] = {bool: "true or false", int: "number", str: "text", NoneType: "null"}


class Key(NamedTuple):
    """The row of a key, in Markdown."""

    name: str
    kind: str
    default: str
    why: str


def keys() -> Iterator[Key]:
    """All keys, in the model's order."""
    for path, field in every_key():
        yield Key(_dotted(path), _type(field), _default(field), field.description or "")


def markdown() -> str:
    """Return docs/configuration.md: each key with its type, default and meaning."""
    return _INTRODUCTION + "".join(_lines())


def _lines() -> Iterator[str]:
    for key in keys():
        if heading := _SECTIONS.get(key.name):
            yield f"\n## {heading}\n{_TABLE}"
        yield f"| `{key.name}` | {key.kind} | {key.default} | {key.why} |\n"


def _dotted(path: tuple[str, ...]) -> str:
    lists = {("policy",), ("lookup", "ldap")}
    return ".".join(step + "[]" * (path[: end + 1] in lists and end + 1 < len(path)) for end, step in enumerate(path))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*needed*"
    if _left_out(field) or (section_in(field.annotation) and field.default == {}):
        return ""
    return f"`{json.dumps(field.default, ensure_ascii=False)}`".replace('`"', "`").replace('"`', "`")


def _type(field: FieldInfo) -> str:
    words = (word for word in _words(field.annotation) if word != "null" or not _left_out(field))
    return _kind(field.metadata) or " or ".join(words)


def _left_out(field: FieldInfo) -> bool:
    """Made by `base.optional`: it may be left out, and null is refused."""
    return field.validate_default is False


def _kind(marks: Iterable[object]) -> str | None:
    return next((mark.words for mark in marks if isinstance(mark, Kind)), None)


def _words(annotation: Any) -> Iterator[str]:  # noqa: ANN401  a type, of any form
    inner = get_args(annotation)
    if simple := _simple(annotation) or _kind(inner):
        yield simple
    elif get_origin(annotation) is tuple:
        yield f"list of {' or '.join(_words(inner[0]))}"
    elif get_origin(annotation) is dict:
        yield ": ".join(" or ".join(_words(argument)) for argument in inner)
    else:
        wanted = inner[:1] if hasattr(annotation, "__metadata__") else inner
        yield from (word for argument in wanted for word in _words(argument))


def _simple(annotation: Any) -> str | None:  # noqa: ANN401  likewise
    if get_origin(annotation) is Literal:
        return _choices(get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _choices(member.value for member in annotation)
    return "keys" if section_in(annotation) is annotation else _PLAIN.get(annotation)


def _choices(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


if __name__ == "__main__":
    sys.stdout.write(markdown())
