"""The rules: what each looks at, and which one a message falls under (the first that matches).

Every condition a rule names has to hold; of the patterns of one condition, one has to. A rule without
conditions takes every message. Nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import takewhile

from relay.model import Address, Found, Origin
from relay.policy.pattern import AddressPattern, HeaderPattern, SubjectPattern
from relay.policy.text import EMPTY, Text


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
    """Such as is encrypted to a key that is known for the recipient."""


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
        """No message gets past it."""
        everyone = not self.recipients or any(pattern.everyone for pattern in self.recipients)
        return everyone and not (self.senders or self.subjects or self.headers or self.shapes)

    def reaches(self, recipient: Address) -> bool:
        """Whether the recipient's condition holds."""
        return not self.recipients or self._among(self.recipients, recipient)

    def names(self, recipient: Address) -> bool:
        """Whether a pattern with this domain matches, in every reading of the address."""
        return any(pattern.domain and pattern.surely_matches(recipient) for pattern in self.recipients)

    def comes_from(self, sender: Address | None) -> bool:
        """Whether the sender's condition holds."""
        return not self.senders or self._among(self.senders, sender)

    def _among(self, patterns: tuple[AddressPattern, ...], address: Address | None) -> bool:
        """Whether one matches. For clear mail an ambiguous address is not enough."""
        if self.encrypt is Encryption.NEVER:
            return any(pattern.surely_matches(address) for pattern in patterns)
        return any(pattern.matches(address) for pattern in patterns)


DEFAULT_RULE = Rule("no rule matched")
"""What holds where no rule does: encrypted, or refused."""

OPENED = "(opened)"
"""The rule's name in the trace where a mail, or one that it carries or answers, was decrypted here."""

OWN_NOTICE = Rule("(own notice)", encrypt=Encryption.NEVER)
"""What holds for a notice of the relay's own that comes by."""


def for_opened(rule: Rule) -> Rule:
    """What a rule becomes for such a mail: encrypted, subject included, or what the rule does without a key."""
    return replace(rule, name=OPENED, encrypt=Encryption.REQUIRED, protect_subject=True)


@dataclass(frozen=True, slots=True)
class Message:
    """What rules may look at, for one recipient."""

    sender: Address | None
    """Of the envelope; None is the null sender."""
    recipient: Address
    subject: Text = EMPTY
    headers: Mapping[str, tuple[Text, ...]] = field(default_factory=dict)
    """Lower-case name to the value of each occurrence."""
    shapes: frozenset[str] = frozenset()


def match(rules: Iterable[Rule], message: Message) -> Rule:
    """The first rule that matches, or `DEFAULT_RULE`."""
    return first_for(candidates(rules, message), message.recipient)


def candidates(rules: Iterable[Rule], message: Message) -> tuple[Rule, ...]:
    """The rules whose conditions hold; those on the recipient are not checked yet."""
    return tuple(rule for rule in rules if _failing_here(rule, message) is None)


def first_for(rules: Iterable[Rule], recipient: Address) -> Rule:
    """Of `candidates`, the first that matches for this recipient, or `DEFAULT_RULE`.

    An ambiguous address, or one without a domain name, may be another for Postfix, and match another rule. It is clear
    only where the rules before, too, are for clear mail.
    """
    rules = tuple(rules)
    rule = next((rule for rule in rules if rule.reaches(recipient)), DEFAULT_RULE)
    sure = rule.names(recipient) or not (recipient.ambiguous or recipient.nameless)
    if sure or rule.encrypt is Encryption.REQUIRED:
        return rule
    until = takewhile(lambda other: other is not rule, rules)
    clear = all(other.encrypt is Encryption.NEVER for other in (*until, rule))
    return rule if clear else replace(rule, encrypt=Encryption.REQUIRED)


def why_not(rule: Rule, message: Message) -> str | None:
    """The first condition that does not hold, in the rule's own words; None where the rule matches."""
    match _failing(rule, message):
        case None:
            return None
        case "from":
            return f"the sender is not {_either(map(str, rule.senders))}"
        case "to":
            return f"the recipient is not {_either(map(str, rule.recipients))}"
        case "subject":
            return f"the subject does not contain {_either(pattern.text for pattern in rule.subjects)}"
        case "shape":
            return f"the message is not {_either(sorted(rule.shapes))}"
        case _:
            wrong = next(pattern for pattern in rule.headers if not _has(rule, pattern, message))
            return f"the header {wrong.name} is not {_either(wrong.values)}"


def _failing(rule: Rule, message: Message) -> str | None:
    """The key of the first condition that does not hold."""
    return "to" if not rule.reaches(message.recipient) else _failing_here(rule, message)


def _failing_here(rule: Rule, message: Message) -> str | None:
    """The same for what does not depend on the recipient."""
    if not rule.comes_from(message.sender):
        return "from"
    if rule.shapes and not rule.shapes & message.shapes:
        return "shape"
    if rule.subjects and not _has_subject(rule, message.subject):
        return "subject"
    return None if all(_has(rule, pattern, message) for pattern in rule.headers) else "header"


def _has_subject(rule: Rule, subject: Text) -> bool:
    """A subject longer than rules read may hold the text: where encryption is required, it does."""
    unread = rule.encrypt is Encryption.REQUIRED and not subject.whole
    return unread or any(pattern.matches(subject) for pattern in rule.subjects)


def _has(rule: Rule, pattern: HeaderPattern, message: Message) -> bool:
    """The same of a header field. Clear mail, because a rule says never, takes the whole value."""
    texts = message.headers.get(pattern.name, ())
    unread = rule.encrypt is Encryption.REQUIRED and not all(text.whole for text in texts)
    return unread or pattern.matches(message.headers, exactly=rule.encrypt is Encryption.NEVER)


def _either(words: Iterable[str]) -> str:
    first, *more = words
    return f"{first}, nor any of {len(more)} more" if len(more) > 4 else " or ".join([first, *more])
