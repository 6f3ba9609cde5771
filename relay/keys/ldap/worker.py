"""A process that speaks LDAP with one server: started by `connection`, never loaded into the relay's own process.

Why a process: libldap resolves names, connects and shakes hands for TLS inside one call, and bonsai holds
Python's lock meanwhile, so that one directory that accepts a connection and says nothing stops a whole
relay, threads and event loop alike (with ldaps:// for as long as the peer likes); and while bonsai's asyncio
client waits it keeps a core busy. A process can be killed. It also keeps a C library that reads what
strangers stored away from the memory that holds mail.

It is `python -m relay.keys.ldap.worker DESCRIPTOR` and loads nothing else of the relay but `protocol` and
`result_codes`. Frames come over its end of a pair of sockets: first the connection's settings with the password, then
one request after the other. An answer holds entries or `{"error": NAME}` with a name of `reason.Reason`. No entries
are only answered where the search base shows itself: a base that is missing, held elsewhere, hidden from this account
or hiding all that is below it is a failure. An operation that takes longer than its time ends the process, as does
the end of its channel. Nothing is read from ldap.conf or the environment.
"""

from __future__ import annotations

import math
import os
import resource
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from relay.keys.ldap import protocol, result_codes
from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.result_codes import LOGIN, SEARCH, TOO_MANY_ENTRIES
from relay.process import ipc

os.environ["LDAPNOINIT"] = "1"  # read by libldap when it is loaded
if __name__ == "__main__":
    with suppress(OSError):  # where a filter of system calls forbids it
        os.nice(10)  # starting takes a tenth of a second of a processor, and a broken directory has many started

import bonsai

MEMORY = 512 << 20
_ANY = "(objectClass=*)"


class Refusal(Exception):
    """What is answered instead of entries."""


def main() -> None:
    """Serve until the channel ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in (signal.SIGTERM, signal.SIGINT):  # a service manager tells all processes; lookups in flight end first
        signal.signal(name, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        settings = ipc.receive(channel, protocol.REQUEST)
        if settings is None:
            return
        session = Session(settings.words, channel)
        session.reply(LOGIN, session.login)
        while request := ipc.receive(channel, protocol.REQUEST):
            session.reply(SEARCH, partial(session.act, request))


class Session:
    """A connection to the directory server."""

    def __init__(self, settings: dict[str, Any], channel: socket.socket) -> None:
        self.settings = settings
        self.channel = channel
        self.tasks: Any = None

    def reply(self, meanings: Mapping[int, str], work: Callable[[], list[Entry]]) -> None:
        """Answer with the work's result, or with what its result code means in `meanings`, within its time."""
        signal.alarm(math.ceil(self.settings["timeout"]) + 1)  # kills: no handler could run while libldap waits
        answer: dict[str, Any]
        strings: list[bytes] = []
        try:
            answer, strings = protocol.answer_frame(work())
        except Refusal as refusal:
            answer = {"error": str(refusal)}
        except bonsai.LDAPError as error:
            answer = {"error": result_codes.reason_name(error.code, meanings, self.settings)}
        except (
            ValueError,
            TypeError,
            SystemError,
            MemoryError,
            OSError,
        ):  # what bonsai lets through of a strange answer
            answer = {"error": "PROTOCOL"}
        signal.alarm(0)
        try:
            ipc.send(self.channel, answer, strings, protocol.ANSWER)
        except ipc.BadFrame:
            ipc.send(self.channel, {"error": "TOO_MUCH"})

    def login(self) -> list[Entry]:
        """Connect and bind: certificates are verified, and nothing is sent of the credentials before TLS stands."""
        self.client = bonsai.LDAPClient(self.settings["url"], self.settings["starttls"])
        self.client.set_cert_policy("demand")
        self.client.set_ca_cert(self.settings["ca_file"])
        self.client.set_server_chase_referrals(False)
        self.client.set_ignore_referrals(False)  # they are to be seen
        if self.settings["bind_dn"]:
            self.client.set_credentials("SIMPLE", user=self.settings["bind_dn"], password=self.settings["password"])
        self.connection = self.client.connect(timeout=self.settings["timeout"])
        return []

    def act(self, request: ipc.Frame) -> list[Entry]:
        """What is asked for: a search, unless it says something else."""
        if self.tasks is None and "do" in request.words:
            from relay.keys.ldap.worker_tasks import Tasks  # noqa: PLC0415  mail never needs it

            self.tasks = Tasks(self.connection, self.client)
        match request.words:
            case {"do": "list"}:
                return plain(self.tasks.list_(request.words))
            case {"do": "find"}:
                return [{"dn": (dn.encode(),)} for dn in self.tasks.find(request.words)]
            case {"do": "next"}:
                return plain(self.tasks.next())
            case {"do": "put"}:
                return plain(self.tasks.put(request.words, request.strings))
            case {"do": "drop"}:
                return plain(self.tasks.drop(request.words))
            case words:
                return self.search(words)

    def search(self, request: dict[str, Any]) -> list[Entry]:
        """The entries found; none only where the base proves to be there."""
        base, subtree, attributes = request["base"], request["subtree"], request["attributes"]
        self.client.set_raw_attributes(attributes)
        scope = bonsai.LDAPSearchScope.SUB if subtree else bonsai.LDAPSearchScope.BASE
        found = self.connection.search(base, scope, request["filter"], attributes, sizelimit=request["limit"])
        entries = [entry for entry in found if isinstance(entry, bonsai.LDAPEntry)]
        if found and not entries:
            raise Refusal("SUBORDINATE")
        if subtree and not entries:
            self.prove(base)
        return plain(entries)

    def prove(self, base: str) -> None:
        """Raise `Refusal` unless this server holds the base, and shows it and something of what is below it."""
        # bonsai hides noSuchObject and a referral as the whole answer: both look like an empty list
        self.client.set_raw_attributes(["hasSubordinates"])
        there = self.connection.search(base, bonsai.LDAPSearchScope.BASE, _ANY, ["hasSubordinates"])
        if not there:
            raise Refusal("BASE")
        has_children = b"TRUE" in (value.upper() for value in there[0].get("hasSubordinates", ()))
        if has_children and not self.shows_children(base):
            raise Refusal("CHILDREN")

    def shows_children(self, base: str) -> bool:
        """Whether any entry directly below this one may be seen, or a referral to one."""
        try:
            return bool(self.connection.search(base, bonsai.LDAPSearchScope.ONELEVEL, _ANY, ["1.1"], sizelimit=1))
        except bonsai.LDAPError as error:
            if error.code == TOO_MANY_ENTRIES:
                return True
            raise


def plain(entries: list[Any]) -> list[Entry]:
    """Attributes with lower-case names, options such as `;binary` cut off."""
    result = []
    for entry in entries:
        attributes: defaultdict[str, list[bytes]] = defaultdict(list)
        for name, values in entry.items():
            if name != "dn":
                attributes[name.partition(";")[0].lower()] += [
                    value.encode() if isinstance(value, str) else bytes(value) for value in values
                ]
        result.append({name: tuple(values) for name, values in attributes.items()})
    return result


if __name__ == "__main__":
    main()
