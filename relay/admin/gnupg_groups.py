"""GnuPG's `group` lines (gpg.conf): names that stand for several keys, where a name is a mail address.

`group name = key key`: a key is named by fingerprint, key id (`0x` and a `!` behind it do not count) or mail address.
Lines with the same name add up. Raises nothing: what cannot be bound is told in a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from relay.admin import bindings
from relay.admin.bindings import BindingError, Wanted
from relay.admin.keys import NoSuchKey
from relay.config import Config
from relay.model import Address
from relay.model.errors import AddressError
from relay.store import Store

LARGEST = 1 << 20

_GROUP = re.compile(r"(?:--)?group\s+(?P<name>[^=\s]+)\s*=\s*(?P<keys>.*)")
_HEX = re.compile(r"(?:0[xX])?(?P<digits>[0-9A-Fa-f]{16,64})!?")


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of a gpg.conf."""

    keys: Mapping[str, Sequence[str]]
    """Of each mail address that is a group's name."""
    notes: Sequence[str] = ()
    """What is not carried over, a sentence each."""


def read(file: Path) -> Groups:
    """The groups of this gpg.conf; none where it cannot be read."""
    try:
        if not file.is_file():  # a pipe would be waited for
            return Groups({})
        with file.open(encoding="utf-8", errors="replace") as text:
            lines, more = text.read(LARGEST).splitlines(), text.read(1)
    except OSError:
        return Groups({})
    found: dict[str, list[str]] = {}
    for group in filter(None, (_GROUP.fullmatch(line.strip()) for line in lines)):
        found.setdefault(group["name"], []).extend(group["keys"].split())
    notes = [f"group {name}: not carried over, its name is no mail address." for name in found if "@" not in name]
    if more:
        notes.append("gpg.conf is larger than 1 MiB: lines with group that stand behind that are not carried over.")
    return Groups({name: keys for name, keys in found.items() if "@" in name}, notes)


async def carry_over(config: Config, store: Store, groups: Groups, actor: str) -> list[str]:
    """Bind the keys of each group that can be; a sentence for each."""
    return [*groups.notes, *[await _one(config, store, name, keys, actor) for name, keys in groups.keys.items()]]


async def _one(config: Config, store: Store, name: str, keys: Sequence[str], actor: str) -> str:
    try:
        named = [await _fingerprint(store, key) for key in keys]
        if not named:
            return f"group {name}: not carried over, it has no keys."
        await bindings.bind(config, store, [Wanted(name, named)], actor)
    except (BindingError, NoSuchKey) as error:
        return f"group {name}: not carried over: {error}."
    return f"group {name}: its keys are bound to it (pgp-relay keys bindings)."


async def _fingerprint(store: Store, key: str) -> str:
    if hexadecimal := _HEX.fullmatch(key):
        return hexadecimal["digits"]
    try:
        entries = await store.certificates.by_address(Address(key.strip("<>")))
    except AddressError:
        entries = []
    if not entries:
        raise NoSuchKey(f"{key}: no key has it")
    return entries[0].certificate.fingerprint
