"""What an act consists of, and what it is given to work with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relay.admin.acts.figures import Figures
from relay.admin.acts.verifying import Verifying
from relay.config import Config
from relay.model import Address
from relay.model.errors import AddressError, RelayError
from relay.store import Store

MOST = 200
"""The most rows of a list."""

Arguments = Mapping[str, str]
Json = dict[str, Any]


class WrongAct(RelayError):
    """The arguments cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Site:
    """What acts are given to work with: configuration, store, and the person who asks."""

    config: Config
    store: Store
    file: Path
    """The configuration file."""
    actor: str = ""
    """Who asks, as the hash chain names them: `console:anne`."""
    figures: Figures = field(default_factory=Figures)
    verifying: Verifying = field(default_factory=Verifying)

    @property
    def name(self) -> str:
        """The name of the person who asks."""
        return self.actor.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Act:
    """An act: the command with the same purpose, and the function to call."""

    command: str
    run: Callable[[Site, Arguments], Awaitable[Json]]


def wanted(given: Arguments, name: str) -> str:
    """Return a required argument. Raises `WrongAct` where it is missing."""
    found = given.get(name, "").strip()
    if not found:
        raise WrongAct(f"{name} is missing")
    return found


def octets(given: Arguments, name: str) -> bytes:
    """Decode an argument from base64; empty where it is missing. Raises `WrongAct`."""
    try:
        return base64.b64decode(given.get(name, ""), validate=True)
    except (ValueError, binascii.Error):
        raise WrongAct("what was sent cannot be read") from None


def address(text: str) -> Address:
    """Return an argument as a mail address that has a domain. Raises `WrongAct`."""
    try:
        found = Address(text)
    except AddressError as error:
        raise WrongAct(str(error)) from None
    if not found.domain:
        raise WrongAct(f"“{text}” has no domain: write name@domain")
    return found
