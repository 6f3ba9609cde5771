"""The relay behind another content filter, such as Amavis: mail that the other filter hands back goes to the relay.

The other filter stays where it is: `content_filter` of main.cf, or of a service. The smtpd that takes mail back from it
gets the relay as its filter, inserted into its entry in master.cf. Raises `PostfixError`.
"""

from __future__ import annotations

import re
from pathlib import Path

from relay.admin.postfix.folder import parameter
from relay.admin.postfix.inbound_settings import OVERRIDE, UNMAPPED, inserted
from relay.admin.postfix.mx import Service, servers
from relay.admin.postfix.settings import TRANSPORT
from relay.model.errors import PostfixError

FILTER = "content_filter"
OPTION = re.compile(rb"[ \t]+-o (?:\{ )?(?:%b|%b) ?=" % (FILTER.encode(), OVERRIDE.encode()))
"""Matches a line that `lines` makes."""


def place(folder: Path, named: str) -> Service:
    """The smtpd with this name in master.cf. Raises `PostfixError` where there is none."""
    found = next((one for one in servers(folder) if named in {one.key[0], "/".join(one.key)}), None)
    if found is None:
        known = ", ".join(returning(folder)) or "none has an empty content_filter"
        raise PostfixError(f"master.cf has no smtpd named {named}; those that take mail back from a filter: {known}")
    return found


def is_behind(folder: Path) -> bool:
    """Whether mail that another filter hands back already goes to the relay."""
    return any(one.options.get(FILTER, "").startswith(f"{TRANSPORT}:") for one in servers(folder))


def returning(folder: Path) -> list[str]:
    """The smtpds that take mail back from a filter: those with an empty `content_filter`."""
    return [one.key[0] for one in servers(folder) if one.options.get(FILTER) == ""]


def lines(folder: Path, server: Service, filter_: str) -> bytes:
    """The lines that are inserted into the entry of that smtpd; address mapping happens behind the relay."""
    own = server.options.get(OVERRIDE) or parameter(folder, OVERRIDE)
    overrides = dict.fromkeys([*filter(None, re.split(r"[\s,]+", own)), UNMAPPED])
    return inserted([(FILTER, filter_), (OVERRIDE, ",".join(overrides))])


def advice(folder: Path, own: str) -> str:
    """A sentence for the administrator, for a main.cf that names another filter."""
    found = returning(folder)
    service = found[0] if len(found) == 1 else "SERVICE"
    where = "" if len(found) == 1 else f" ({', '.join(found) or 'the smtpd of master.cf that it hands mail back to'})"
    return (
        f"main.cf sets “{FILTER} = {own}” already. A virus scanner or spam filter comes first, and hands what it "
        f"passes to the relay: pgp-relay postfix install --behind {service}{where}"
    )
