"""What the worker does beside searching for keys: it lists a directory page by page, finds people, writes entries.

Loaded by `worker` alone, when it is first asked for. Raises bonsai's errors, which `worker` translates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import bonsai

from relay.keys.ldap import protocol
from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.result_codes import TOO_MANY_ENTRIES
from relay.process.ipc import Frame

PAGE = 500
MOST_FOUND = 2
_ALREADY_THERE, _NOT_THERE = 68, 32


class Tasks:
    """Lists, finds and writes entries over one connection."""

    def __init__(self, connection: Any, client: Any) -> None:  # noqa: ANN401  bonsai has no types
        self._connection = connection
        self._client = client
        self._listed: Iterator[Any] = iter(())

    def list_(self, request: dict[str, Any]) -> list[Any]:
        """Begin to list what a filter finds (RFC 2696); returns an empty list."""
        self._client.set_raw_attributes(request["attributes"])
        self._listed = self._connection.paged_search(
            request["base"], bonsai.LDAPSearchScope.SUB, request["filter"], request["attributes"], page_size=PAGE
        )
        return []

    def next(self) -> list[Any]:
        """The next entries; an empty list after the last."""
        while page := list(islice(self._listed, PAGE)):
            entries = [entry for entry in page if isinstance(entry, bonsai.LDAPEntry)]
            if entries:
                return entries
        return []

    def find(self, request: dict[str, Any]) -> list[str]:
        """The DNs of at most two entries; the directory may stop there."""
        scope = bonsai.LDAPSearchScope.SUB if request["subtree"] else bonsai.LDAPSearchScope.BASE
        try:
            found = self._connection.search(request["base"], scope, request["filter"], ["1.1"], sizelimit=MOST_FOUND)
        except bonsai.LDAPError as error:
            if error.code != TOO_MANY_ENTRIES:
                raise
            return ["", ""]
        return [str(entry.dn) for entry in found if isinstance(entry, bonsai.LDAPEntry)][:MOST_FOUND]

    def put(self, request: dict[str, Any], strings: Sequence[bytes]) -> list[Any]:
        """Add an entry; where it is there already, give these attributes these values, in one operation."""
        (attributes,) = protocol.entries_of(Frame(request, tuple(strings)))
        try:
            self._connection.add(_with(bonsai.LDAPEntry(request["dn"]), attributes))
        except bonsai.LDAPError as error:
            if error.code != _ALREADY_THERE:
                raise
            self._client.set_raw_attributes([])
            (there,) = self._connection.search(request["dn"], bonsai.LDAPSearchScope.BASE, "(objectClass=*)")
            _with(there, {name: values for name, values in attributes.items() if name != "objectclass"}).modify()
        return []

    def drop(self, request: dict[str, Any]) -> list[Any]:
        """Delete an entry, if it is there."""
        try:
            self._connection.delete(request["dn"])
        except bonsai.LDAPError as error:
            if error.code != _NOT_THERE:
                raise
        return []


def _with(entry: Any, attributes: Entry) -> Any:  # noqa: ANN401  bonsai has no types
    for name, values in attributes.items():
        entry[name] = [value.decode("utf-8") for value in values]
    return entry
