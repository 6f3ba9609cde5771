"""How the relay that runs is doing, as it says itself, and whether the configuration on disk is the one that it reads.

It loads little, for a person waits: the configuration is read as one only where it is not the file that the relay has
read. Raises `RelayError` where the relay's socket cannot be used or what answers is no relay of this version, and
`ConfigError` where nothing runs and the configuration is wrong.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay.model.errors import ConfigError, Fault
from relay.telemetry.status_client import ask

_KEYRING = re.compile(
    rb"""^(["']?)keyring\1[ \t]*:[ \t]+(["']?)([^\s"'#&*!|>{}\[\]@`%-][^"'#\\\n]*?)\2[ \t]*(?:[ \t]#.*)?$""",
    re.MULTILINE,
)
_ANYWHERE = re.compile(rb"""^[^#\n]*\bkeyring["']?[ \t]*:""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Standing:
    """What `status` found out about the relay and its configuration."""

    told: Mapping[str, Any] | None
    """What the relay says of itself; None: none runs."""
    changed: bool = False
    """The configuration on disk is another than the one that the relay reads."""
    faults: tuple[Fault, ...] = ()
    """What is wrong with the one on disk."""


def status(path: Path) -> Standing:
    """Ask the relay that this configuration is for."""
    try:
        octets = path.read_bytes()
    except OSError:
        octets = b""  # the loader says why
    told = ask(keyring_of(path, octets))
    if told and told["configuration"] == hashlib.sha256(octets).hexdigest():
        return Standing(told)
    faults = _faults(path)
    if faults and told is None:
        raise ConfigError(faults)
    return Standing(told, changed=True, faults=faults)


def keyring_of(path: Path, octets: bytes) -> Path:
    """The keyring folder of a configuration that may be wrong elsewhere. Raises `ConfigError` where that is unclear."""
    names: list[bytes] = [found[3] for found in _KEYRING.finditer(octets)]
    if len(names) == len(_ANYWHERE.findall(octets)) <= 1 and octets:
        return path.absolute().parent / (names[0] if names else b"keyring").decode("utf-8", "surrogateescape")
    from relay.config import load  # noqa: PLC0415  takes longer than all the rest

    return load(path).keyring


def _faults(path: Path) -> tuple[Fault, ...]:
    from relay.config import load  # noqa: PLC0415  takes longer than all the rest

    try:
        load(path)
    except ConfigError as error:
        return error.faults
    return ()
