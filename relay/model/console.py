"""The users of the console, and what each role may do: the one list, for the pages and for the relay's side."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""Of a person."""
LONGEST_SUBJECT = 500
"""The most characters of a login's subject."""
_AFTER_COMMA = re.compile(r"(?<!\\), +")


class Way(StrEnum):
    """How somebody is known outside; with the console's own password or passkey it is the name."""

    OIDC = "oidc"
    """The subject of the provider (`sub`)."""
    LDAP = "ldap"
    """The DN of the entry, in any notation that `compared` takes for the same."""
    SUDO = "sudo"
    """The user of this machine who runs a command, by sudo or not."""

    def compared(self, subject: str) -> str:
        """The form in which a login is stored and compared: a DN in lower case and without blanks after its commas.

        Other logins are unchanged. Blanks there mean nothing (RFC 2253, section 4). A comma behind a backslash belongs
        to a value.
        """
        return _AFTER_COMMA.sub(",", subject.lower()) if self is Way.LDAP else subject


class Role(StrEnum):
    """Each may do what the ones before it may."""

    READER = "reader"
    """Figures and the audit trail."""
    DESK = "desk"
    """Also: see and try held mail again, withdraw pick-ups, explain what would happen to a mail, propose keys."""
    KEYS = "keys"
    """Also: import, bind, approve and reject keys."""
    ADMIN = "admin"
    """Also: the users of the console."""


_ORDER = tuple(Role)


def highest(groups: Mapping[Role, str], member_of: Collection[str]) -> Role | None:
    """The role of who is in these groups; `groups` says which gives which."""
    return next((role for role in reversed(_ORDER) if groups.get(role) in member_of), None)


ACTS: Mapping[str, Role] = {
    "figures": Role.READER,
    "sources": Role.READER,
    "messages": Role.READER,
    "message": Role.READER,
    "changes": Role.READER,
    "export": Role.READER,
    "verify": Role.READER,
    "policy": Role.READER,
    "held": Role.DESK,
    "release": Role.DESK,
    "pickups": Role.DESK,
    "resend": Role.DESK,
    "withdraw": Role.DESK,
    "extend": Role.DESK,
    "explain": Role.DESK,
    "keys": Role.DESK,
    "key": Role.DESK,
    "bindings": Role.DESK,
    "propose": Role.DESK,
    "import": Role.KEYS,
    "bind": Role.KEYS,
    "unbind": Role.KEYS,
    "proposals": Role.KEYS,
    "approve": Role.KEYS,
    "reject": Role.KEYS,
    "users": Role.ADMIN,
    "enable": Role.ADMIN,
    "disable": Role.ADMIN,
}
"""The least role for each act. Each is a command too: `relay.admin.acts` names it."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may log in: one record, however many logins."""

    name: str
    role: Role
    enabled: bool = True
    enrolled: bool = False
    """Has a password and a second factor, or a passkey."""
    logins: tuple[tuple[Way, str], ...] = ()
    """Which logins elsewhere are theirs."""

    @property
    def may_log_in(self) -> bool:
        """With what they have set at the console."""
        return self.enabled and self.enrolled

    def may(self, act: str) -> bool:
        """Whether the role is enough; raises `KeyError` for what is no act."""
        return self.enabled and _ORDER.index(self.role) >= _ORDER.index(ACTS[act])


@dataclass(frozen=True, slots=True)
class Known:
    """A person, and which enrolment counts: sessions and secrets of an earlier one do not."""

    person: Person
    generation: str
    ended: int
    """How many times all sessions were ended."""

    @property
    def session(self) -> str:
        """What sessions belong to that begin now: those that belong to anything else have ended, for good."""
        return f"{self.generation} {self.ended}"
