"""A process that speaks LDAP with one server: started by `connection`, never imported by the relay.

Why a process: libldap resolves names, connects and shakes hands for TLS inside one call, and bonsai holds
Python's lock meanwhile, so that one directory that accepts a connection and says nothing stops a whole
relay, threads and event loop alike (with ldaps:// for as long as the peer likes); and while bonsai's asyncio
client waits it keeps a core busy. A process can be killed. It also keeps a C library that reads what
strangers stored away from the memory that holds mail.

It knows nothing of the relay: JSON lines on standard input and output, first the connection's settings, then one
search a line. Passwords come in on standard input alone. An answer is `{"entries": [...]}` or `{"error": NAME}`
with a name of `reason.Reason`. An operation that takes longer than its time ends the process, as does the end of
its input. Nothing is read from ldap.conf or the environment.
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
from typing import Any
from urllib.parse import urlsplit

os.environ["LDAPNOINIT"] = "1"  # read by libldap when it is loaded

import bonsai  # after the line above

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
    settings = json.loads(sys.stdin.buffer.readline())
    client = configured(settings)
    opened: list[Any] = []
    reply(settings, LOGIN, login, client, settings, opened)
    for line in sys.stdin.buffer:
        reply(settings, SEARCH, search, client, opened[0], json.loads(line))


def reply(settings: dict[str, Any], words: dict[int, str], work: Callable[..., Any], *arguments: object) -> None:
    """Answer with the work's result or the word for its failure, within its time."""
    signal.alarm(math.ceil(settings["timeout"]) + 1)  # kills: no handler could run while libldap waits
    try:
        answer = {"entries": work(*arguments)}
    except Refusal as refusal:
        answer = {"error": str(refusal)}
    except bonsai.LDAPError as error:
        answer = {"error": word(error, words, settings)}
    except (ValueError, TypeError, SystemError, MemoryError, OSError):  # what bonsai lets through of a strange answer
        answer = {"error": "PROTOCOL"}
    signal.alarm(0)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def configured(settings: dict[str, Any]) -> Any:  # noqa: ANN401 # bonsai ships no types
    """A client that verifies certificates and follows no referral."""
    client = bonsai.LDAPClient(settings["url"], settings["starttls"])
    client.set_cert_policy("demand")
    client.set_ca_cert(settings["ca_file"])
    client.set_server_chase_referrals(False)
    client.set_ignore_referrals(False)  # they are to be seen
    if settings["bind_dn"]:
        client.set_credentials("SIMPLE", user=settings["bind_dn"], password=settings["password"])
    return client


def login(client: Any, settings: dict[str, Any], opened: list[Any]) -> list[Any]:  # noqa: ANN401 # likewise
    """Connect and bind: nothing is sent of the credentials before TLS stands."""
    opened.append(client.connect(timeout=settings["timeout"]))
    return []


def search(client: Any, connection: Any, request: dict[str, Any]) -> list[dict[str, list[str]]]:  # noqa: ANN401 # likewise
    """The entries found; none only where the base proves to be there."""
    base, subtree, attributes = request["base"], request["subtree"], request["attributes"]
    client.set_raw_attributes(attributes)
    scope = bonsai.LDAPSearchScope.SUB if subtree else bonsai.LDAPSearchScope.BASE
    found = connection.search(base, scope, request["filter"], attributes, sizelimit=request["limit"])
    entries = [entry for entry in found if isinstance(entry, bonsai.LDAPEntry)]
    if not entries and len(found) > len(entries):
        raise Refusal("REFERRAL")
    # bonsai hides noSuchObject and a referral as the whole answer: both look like an empty list
    if subtree and not entries and not connection.search(base, bonsai.LDAPSearchScope.BASE, "(objectClass=*)", ["1.1"]):
        raise Refusal("BASE")
    return plain(entries)


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
