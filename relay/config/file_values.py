"""Values that stand in files of their own: `${file:PATH}` in a text is the content of that file.

For containers, whose secrets come as files: `database: "postgresql://relay:${file:/run/secrets/db}@db/pgp_relay"`. A
relative path begins at the folder of config.yaml. The content is text in UTF-8 on one line, of `MOST_OCTETS` at most;
the end of the line is left out. What `config show` prints is the reference. Raises nothing: faults go into the tree.
"""

from __future__ import annotations

import os
import pathlib
import re
import stat
from collections.abc import Callable
from dataclasses import replace

from relay.config.yaml_tree import Path, Tree, Value, dotted
from relay.model.errors import Fault

MOST_OCTETS = 8192

_REFERENCE = re.compile(r"\$\{file:([^{}\0]{1,4096})\}")
_BEGUN = "${file:"


def replaced(tree: Tree, folder: pathlib.Path, mine: Callable[[Path], bool] = lambda _path: True) -> Tree:
    """The tree with contents in place of references; those of values that are not `mine` stay as they are."""
    faults = list(tree.faults)

    def text(value: str, path: Path) -> str:
        if _BEGUN not in value or not mine(path):
            return value
        try:
            return _with_contents(value, folder)
        except ValueError as error:
            faults.append((path, Fault(tree.file, tree.line(path), f"{dotted(path)}{error}")))
            return value

    def walk(value: Value, path: Path) -> Value:
        if isinstance(value, str):
            return text(value, path)
        if isinstance(value, list):
            return [walk(item, (*path, at)) for at, item in enumerate(value)]
        if isinstance(value, dict):
            return {name: walk(item, (*path, name)) for name, item in value.items()}
        return value

    values = {name: walk(value, (name,)) for name, value in tree.values.items()}
    return replace(tree, values=values, faults=faults)


def _with_contents(value: str, folder: pathlib.Path) -> str:
    """Raises `ValueError` with a sentence."""
    if _BEGUN in _REFERENCE.sub("", value):
        raise ValueError("has a ${file: without a } behind it")
    return _REFERENCE.sub(lambda reference: _content(folder / reference[1]), value)


def _content(file: pathlib.Path) -> str:
    try:
        mode, octets = _read(file)
    except OSError as error:
        raise ValueError(f"names the file {file}, which cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise ValueError(f"names {file}, which is no file")
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ValueError(f"names {file}, which can be read by others: chmod 600 it")
    if len(octets) > MOST_OCTETS:
        raise ValueError(f"names the file {file}, which has more than {MOST_OCTETS} octets")
    return _line(octets, file)


def _read(file: pathlib.Path) -> tuple[int, bytes]:
    """Its mode, and its first octets where it is a regular file: a pipe is not waited for."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        return mode, os.read(descriptor, MOST_OCTETS + 1) if stat.S_ISREG(mode) else b""
    finally:
        os.close(descriptor)


def _line(octets: bytes, file: pathlib.Path) -> str:
    try:
        text = octets.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable():
        raise ValueError(f"names the file {file}, which is not one line of text")
    return text
