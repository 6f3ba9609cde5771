"""Everybody whose address a directory has, as the filter of `lookup.ldap` looks for one.

The filter names the attribute and what stands around an address in it (`(proxyAddresses=smtp:{address})`): with `*` in
place of the address it finds all. Raises `OwnError` where the directory gives no answer, no address, or too many.
"""

from __future__ import annotations

import re

from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import Search
from relay.keys.ldap.server import PLACEHOLDER, Server
from relay.keys.ldap.session import session
from relay.model.errors import OwnError

SECONDS = 120.0
MOST = 500_000
LONGEST = 1000
"""Octets of a value that is read."""

_PART = "the directory lists a part alone: raise its size limit for this login (OpenLDAP: size.prtotal=unlimited)"
_ASSERTION = re.compile(r"\(([A-Za-z][A-Za-z0-9.;-]*)((?::[A-Za-z0-9.-]*)*)[~<>]?=([^()]*\{address\}[^()]*)\)")
_ADDRESS = r"([^\s<>]+@[^\s<>]+)"


async def list_addresses(server: Server) -> list[str]:
    """Each once, as the directory writes them."""
    found: dict[str, None] = {}
    try:
        async with session(server, SECONDS) as (connection, space):
            patterns = _patterns(space.by_mail)
            for base in space.bases:
                async for entry in connection.list_all(Search(base, _everybody(space.by_mail), tuple(patterns))):
                    found |= dict.fromkeys(_addresses(entry, patterns))
                    if len(found) > MOST:
                        raise OwnError(f"the directory has more than {MOST} addresses")
    except Unavailable as error:
        raise OwnError(f"own.addresses: {_PART if error.reason is Reason.TOO_MUCH else error.reason}") from error
    if not found:
        raise OwnError("own.addresses: the directory shows nobody: its filter or what this account may see is wrong")
    return list(found)


def _everybody(filter_: str) -> str:
    """The filter that finds all."""
    return _ASSERTION.sub(lambda one: f"({one[1]}={'*' if one[2] else _star(one[3])})", filter_)


def _star(value: str) -> str:
    return re.sub(r"\*+", "*", value.replace(PLACEHOLDER, "*"))


def _patterns(filter_: str) -> dict[str, list[re.Pattern[str]]]:
    """Of each attribute, how an address stands in its values."""
    found: dict[str, list[re.Pattern[str]]] = {}
    for name, _, value in _ASSERTION.findall(filter_):
        around = (".*".join(map(re.escape, piece.split("*"))) for piece in value.split(PLACEHOLDER, 1))
        found.setdefault(name.partition(";")[0].lower(), []).append(re.compile(_ADDRESS.join(around), re.IGNORECASE))
    return found


def _addresses(entry: Entry, patterns: dict[str, list[re.Pattern[str]]]) -> list[str]:
    texts = [
        (value.decode("utf-8", "replace"), each)
        for name, wanted in patterns.items()
        for value in entry.get(name, ())
        if len(value) <= LONGEST
        for each in wanted
    ]
    return [match[1] for text, pattern in texts if (match := pattern.fullmatch(text))]
