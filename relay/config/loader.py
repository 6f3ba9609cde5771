"""Reads config.yaml and reports all of its faults at once; a wrong configuration does not start.

Only this module and `file_values` look at the file system: they read the file and the values that stand in others, and
check whether the files it names can be read. Raises `ConfigError` with the faults in the order of their lines.
"""

from __future__ import annotations

import errno
import os
import pathlib
import stat
from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from relay.config import file_values, yaml_tree
from relay.config.effective import deciding
from relay.config.fault_messages import place_of, sentence
from relay.config.key_names import meant
from relay.config.model import Config
from relay.config.paths import Surroundings
from relay.config.yaml_tree import Path, Tree, Value, dotted, pruned
from relay.model.errors import ConfigError, Fault


def load(path: pathlib.Path) -> Config:
    """The configuration in this file."""
    return parse(_octets(path), path)


def load_public(path: pathlib.Path, *sections: str) -> Config:
    """The configuration for a process that reaches nothing of the relay's: the public web service, the console.

    Every value is checked; of the files that it names those of `web` and these sections alone. `policy` may be left
    out.
    """
    octets = _octets(path)
    folder = path.absolute().parent
    names = ("web", *sections)
    found = file_values.replaced(yaml_tree.read(octets, str(path)), folder, lambda place: place[0] in names)
    found.values.setdefault("policy", [])
    ours = {folder / text for name in names for text in _texts(found.values.get(name))}
    around = Surroundings(
        folder,
        lambda file, is_folder: _unreadable(file, is_folder) if file in ours else None,
        lambda file: file in ours and _exposed(file),
    )
    return _parsed(found, octets, around)


def parse(octets: bytes, path: pathlib.Path) -> Config:
    """The configuration in these octets, as though they stood in the file `path`."""
    around = Surroundings(path.absolute().parent, _unreadable, _exposed)
    return _parsed(file_values.replaced(yaml_tree.read(octets, str(path)), around.folder), octets, around)


def _octets(path: pathlib.Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(yaml_tree.MOST_OCTETS + 1)
    except OSError as error:
        raise ConfigError((Fault(str(path), 0, f"cannot be read: {error.strerror}"),)) from error


def _texts(value: Value) -> Iterator[str]:
    """Every text in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _parsed(found: Tree, octets: bytes, around: Surroundings) -> Config:
    from relay.config.contradictions import contradictions  # noqa: PLC0415  help of a command reads no configuration

    config, errors = _validated(found.values, around)
    faults = [fault for _, fault in found.faults]
    told = {place for place, _ in found.faults}
    errors = [error for error in errors if place_of(error) not in told]
    faults += [Fault(found.file, found.line(place_of(error)), sentence(error)) for error in errors]
    whole, unsure = _repaired(found, errors, around) if faults else (config, frozenset[str]())
    if whole:
        faults += [
            Fault(found.file, found.line(place), f"{dotted(place)}{text}")
            for place, text in contradictions(whole, unsure)
        ]
    if faults or config is None:
        raise ConfigError(tuple(sorted(faults, key=lambda fault: fault.line)))
    config.read_from(octets, deciding(found.values))
    return config


def _validated(values: dict[str, Value], around: Surroundings) -> tuple[Config | None, list[ErrorDetails]]:
    try:
        return Config.model_validate(values, context=around), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _repaired(found: Tree, errors: list[ErrorDetails], around: Surroundings) -> tuple[Config | None, frozenset[str]]:
    """The configuration without its faulty values, and the keys whose values are not known.

    It serves to find further faults. A faulty rule is replaced by one of the same name that causes no fault.
    """
    places = [place for place, _ in found.faults] + [place_of(error) for error in errors]
    damaged = {place[0] for place in places if place} | {meant(place) for place in places if len(place) == 1}
    unsure = frozenset(str(name) for name in damaged)
    values = pruned(found.values, unsure)
    rules = found.values.get("policy")
    if isinstance(rules, list):
        wrong = {place[1] for place in places if place[0:1] == ("policy",) and len(place) > 1}
        values["policy"] = [_stub(rule, index, places) if index in wrong else rule for index, rule in enumerate(rules)]
        unsure -= {"policy"}
    values.setdefault("policy", [])
    return _validated(values, around)[0], unsure


def _stub(rule: Value, index: int, places: list[Path]) -> Value:
    named = isinstance(rule, dict) and ("policy", index, "name") not in places
    return {"name": rule["name"] if isinstance(rule, dict) and named else f"policy[{index}]", "subject": "anything"}


def _unreadable(path: pathlib.Path, is_folder: bool) -> int | None:  # noqa: FBT001  as Surroundings has it
    """The errno if the file cannot be read. It is not opened: a pipe would be waited for, and lose its data."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return error.errno
    if stat.S_ISDIR(mode) is not is_folder:
        return errno.ENOTDIR if is_folder else errno.EISDIR
    return None if os.access(path, os.R_OK) else errno.EACCES


def _exposed(path: pathlib.Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:  # in a folder that is closed to this user
        return False
