"""Which rule a message falls under: the first that matches. Nothing is raised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile

from relay.model import Address
from relay.policy.pattern import HeaderPattern
from relay.policy.rule import DEFAULT_RULE, Encryption, Rule
from relay.policy.text import EMPTY, Text


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

    An ambiguous address, or one without a domain name, may be another for Postfix, and match another rule. The mail
    leaves in cleartext only if the rules before this one are for cleartext too.
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
    """The configuration key of the first condition that does not hold."""
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
    """If a subject is longer than rules read, a rule that requires encryption takes it as a match."""
    unread = rule.encrypt is Encryption.REQUIRED and not subject.whole
    return unread or any(pattern.matches(subject) for pattern in rule.subjects)


def _has(rule: Rule, pattern: HeaderPattern, message: Message) -> bool:
    """The same for a header field. A rule with `encrypt: never` compares the whole value."""
    texts = message.headers.get(pattern.name, ())
    unread = rule.encrypt is Encryption.REQUIRED and not all(text.whole for text in texts)
    return unread or pattern.matches(message.headers, exactly=rule.encrypt is Encryption.NEVER)


def _either(words: Iterable[str]) -> str:
    first, *more = words
    return f"{first}, nor any of {len(more)} more" if len(more) > 4 else " or ".join([first, *more])
