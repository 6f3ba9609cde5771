"""A rule: what it looks at, and what it asks for.

Every condition a rule names has to hold; of the patterns of one condition, one has to. A rule without
conditions takes every message.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from relay.model import Address, Found, Origin
from relay.policy.pattern import AddressPattern, HeaderPattern, SubjectPattern


class Encryption(StrEnum):
    """What a rule asks for."""

    NEVER = "never"
    PREFERRED = "preferred"
    """Encrypted where a key is known, clear where no source has one."""
    REQUIRED = "required"


class WithoutKey(StrEnum):
    """What happens to a mail that has to be encrypted and cannot be."""

    REFUSE = "refuse"
    HOLD = "hold"
    PICKUP = "pickup"
    """Its recipient opens it in a browser, with a code."""


class PassEncrypted(StrEnum):
    """Which mail that is encrypted already is passed on as it is."""

    ANY = "any"
    KNOWN = "known"
    """Mail that is encrypted to a key known for the recipient."""


class Trust(StrEnum):
    """Which keys are good enough."""

    ANY = "any"
    DIRECTORY = "directory"
    """What the address's own domain or a directory publishes, what its owner proved, and better."""
    APPROVED = "approved"
    """What an administrator imported, approved or bound, and what an authority certified."""


_APPROVED = frozenset({Origin.IMPORTED, Origin.OWN, Origin.AUTHORITY})
_PUBLISHED = frozenset({Origin.ENROLLED, Origin.LDAP, Origin.WKD})


class WkdOutage(StrEnum):
    """What it means when the recipient's domain does not answer to WKD."""

    DEFER = "defer"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the policy; `name` is what the trace knows it by."""

    name: str
    senders: tuple[AddressPattern, ...] = ()
    recipients: tuple[AddressPattern, ...] = ()
    subjects: tuple[SubjectPattern, ...] = ()
    headers: tuple[HeaderPattern, ...] = ()
    """Each of these has to match."""
    shapes: frozenset[str] = frozenset()
    encrypt: Encryption = Encryption.REQUIRED
    without_key: WithoutKey = WithoutKey.REFUSE
    pass_encrypted: PassEncrypted = PassEncrypted.ANY
    sign: bool = True
    sign_clear: bool = False
    """Cleartext mail is signed."""
    protect_subject: bool = True
    by_reply: bool = False
    """A refusal is an SMTP reply (550), without a notice."""
    wkd_outage: WkdOutage = WkdOutage.DEFER
    trust: Trust = Trust.ANY

    def trusts(self, found: Found) -> bool:
        """Whether this key is good enough."""
        match self.trust:
            case Trust.ANY:
                return True
            case Trust.DIRECTORY:
                return bool(found.binding) or found.origin in _APPROVED | _PUBLISHED
            case Trust.APPROVED:
                return bool(found.binding) or found.origin in _APPROVED

    @property
    def excused(self) -> frozenset[str]:
        """The sources whose outage counts as "no key" under this rule."""
        return frozenset({"wkd"}) if self.wkd_outage is WkdOutage.NOT_FOUND else frozenset()

    @property
    def takes_everything(self) -> bool:
        """Whether every message matches it."""
        everyone = not self.recipients or any(pattern.everyone for pattern in self.recipients)
        return everyone and not (self.senders or self.subjects or self.headers or self.shapes)

    def reaches(self, recipient: Address) -> bool:
        """Whether the recipient's condition holds."""
        return not self.recipients or self._among(self.recipients, recipient)

    def names(self, recipient: Address) -> bool:
        """Whether a pattern with this domain matches, in every reading of the address."""
        return any(pattern.domain and pattern.surely_matches(recipient) for pattern in self.recipients)

    def comes_from(self, sender: Address | None) -> bool:
        """Whether the rule's condition on the sender (`from`) holds."""
        return not self.senders or self._among(self.senders, sender)

    def _among(self, patterns: tuple[AddressPattern, ...], address: Address | None) -> bool:
        """Whether one matches. For clear mail an ambiguous address is not enough."""
        if self.encrypt is Encryption.NEVER:
            return any(pattern.surely_matches(address) for pattern in patterns)
        return any(pattern.matches(address) for pattern in patterns)


DEFAULT_RULE = Rule("no rule matched")
"""The rule that applies if no other matches: encrypted, or refused."""

OPENED = "(opened)"
"""The rule's name in the trace where a mail, or one that it carries or answers, was decrypted here."""

OWN_NOTICE = Rule("(own notice)", encrypt=Encryption.NEVER)
"""The rule for the relay's own notices on the outgoing way."""


def for_opened(rule: Rule) -> Rule:
    """What a rule becomes for such a mail: encrypted, subject included, or what the rule does without a key."""
    return replace(rule, name=OPENED, encrypt=Encryption.REQUIRED, protect_subject=True)
