"""A process that speaks LDAP with one server: started by `connection`, never imported by the relay.

Why a process: libldap resolves names, connects and shakes hands for TLS inside one call, and bonsai holds
Python's lock meanwhile, so that one directory that accepts a connection and says nothing stops a whole
relay, threads and event loop alike (with ldaps:// for as long as the peer likes); and while bonsai's asyncio
client waits it keeps a core busy. A process can be killed. It also keeps a C library that reads what
strangers stored away from the memory that holds mail.

It knows nothing of the relay: JSON lines on standard input and output, first the connection's settings, then one
search a line. Passwords come in on standard input alone. An answer is `{"entries": [...]}` or `{"error": NAME}`
with a name of `reason.Reason`. No entries are only answered where the search base shows itself: a base that is
missing, held elsewhere or hidden from this account is a failure. An operation that takes longer than its time
ends the process, as does the end of its input. Nothing is read from ldap.conf or the environment.
"""

from __future__ import annotations

import base64
import json
import math
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

os.environ["LDAPNOINIT"] = "1"  # read by libldap when it is loaded
if __name__ == "__main__":
    with suppress(OSError):  # where a filter of system calls forbids it
        os.nice(10)  # starting takes a tenth of a second of a processor, and a broken directory has many started

import bonsai

MEMORY = 512 << 20
MAX_OCTETS = 4 << 20  # of all values in one answer
LOGIN = {
    7: "CREDENTIALS",  # authMethodNotSupported
    8: "CREDENTIALS",  # strongerAuthRequired
    32: "CREDENTIALS",  # noSuchObject
    34: "CREDENTIALS",  # invalidDNSyntax
    48: "CREDENTIALS",  # inappropriateAuthentication
    49: "CREDENTIALS",  # invalidCredentials
    50: "CREDENTIALS",  # insufficientAccessRights
    53: "CREDENTIALS",  # unwillingToPerform
    -1: "UNREACHABLE",
    -11: "TLS",  # the only connect error once TCP stands
}
SEARCH = {
    4: "TOO_MUCH",  # sizeLimitExceeded
    11: "TOO_MUCH",  # adminLimitExceeded
    1: "REFUSED",  # operationsError: Active Directory's word for "bind first"
    8: "REFUSED",
    50: "REFUSED",
    53: "REFUSED",
    10: "REFERRAL",
    32: "BASE",
    34: "BASE",
    -7: "FILTER",
    -1: "BROKEN",
    -11: "BROKEN",
}
BOTH = {
    3: "TIMEOUT",  # timeLimitExceeded
    -5: "TIMEOUT",
    51: "UNREACHABLE",  # busy
    52: "UNREACHABLE",  # unavailable
}


class Refusal(Exception):
    """What is answered instead of entries."""


def main() -> None:
    """Serve until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(
        signal.SIGTERM, signal.SIG_IGN
    )  # a service manager tells the whole group; lookups in flight end first
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    session = Session(json.loads(sys.stdin.buffer.readline()))
    session.reply(LOGIN, session.login)
    for line in sys.stdin.buffer:
        session.reply(SEARCH, partial(session.search, json.loads(line)))


class Session:
    """One connection."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def reply(self, words: dict[int, str], work: Callable[[], list[dict[str, list[str]]]]) -> None:
        """Answer with the work's result or the word for its failure, within its time."""
        signal.alarm(math.ceil(self.settings["timeout"]) + 1)  # kills: no handler could run while libldap waits
        answer: dict[str, Any]
        try:
            answer = {"entries": work()}
        except Refusal as refusal:
            answer = {"error": str(refusal)}
        except bonsai.LDAPError as error:
            answer = {"error": word(error, words, self.settings)}
        except (
            ValueError,
            TypeError,
            SystemError,
            MemoryError,
            OSError,
        ):  # what bonsai lets through of a strange answer
            answer = {"error": "PROTOCOL"}
        signal.alarm(0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    def login(self) -> list[dict[str, list[str]]]:
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

    def search(self, request: dict[str, Any]) -> list[dict[str, list[str]]]:
        """The entries found; none only where the base proves to be there."""
        base, subtree, attributes = request["base"], request["subtree"], request["attributes"]
        self.client.set_raw_attributes(attributes)
        scope = bonsai.LDAPSearchScope.SUB if subtree else bonsai.LDAPSearchScope.BASE
        found = self.connection.search(base, scope, request["filter"], attributes, sizelimit=request["limit"])
        entries = [entry for entry in found if isinstance(entry, bonsai.LDAPEntry)]
        if found and not entries:
            raise Refusal("REFERRAL")
        # bonsai hides noSuchObject and a referral as the whole answer: both look like an empty list
        if subtree and not entries and not self.is_there(base):
            raise Refusal("BASE")
        return plain(entries)

    def is_there(self, base: str) -> bool:
        """Whether this server holds the entry, and shows it."""
        return bool(self.connection.search(base, bonsai.LDAPSearchScope.BASE, "(objectClass=*)", ["1.1"]))


def plain(entries: list[Any]) -> list[dict[str, list[str]]]:
    """Attributes with lower-case names, options such as `;binary` cut off, values in base64."""
    total, result = 0, []
    for entry in entries:
        attributes: dict[str, list[str]] = {}
        for name, values in entry.items():
            if name == "dn":
                continue
            octets = [value.encode() if isinstance(value, str) else bytes(value) for value in values]
            total += sum(map(len, octets))
            attributes.setdefault(name.partition(";")[0].lower(), []).extend(
                base64.b64encode(o).decode() for o in octets
            )
        if total > MAX_OCTETS:
            raise Refusal("TOO_MUCH")
        result.append(attributes)
    return result


def word(error: bonsai.LDAPError, words: dict[int, str], settings: dict[str, Any]) -> str:
    """The reason's name for an error; over ldaps:// libldap does not tell a failed handshake from a closed port."""
    name = (BOTH | words).get(error.code, "PROTOCOL")
    if words is LOGIN and settings["starttls"] and error.code == 2:  # protocolError: it knows no STARTTLS
        return "TLS"
    if name == "UNREACHABLE" and error.code == -1 and settings["url"].startswith("ldaps:"):
        url = urlsplit(settings["url"])
        try:
            socket.create_connection((url.hostname, url.port or 636), 1).close()
        except OSError:
            return name
        return "TLS"
    return name


if __name__ == "__main__":
    main()
