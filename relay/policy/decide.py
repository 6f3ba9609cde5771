"""From a rule and what was looked up to the decision, and how the sender learns of it.

Clear comes out of two places alone: a rule that says never, and a rule that prefers encryption where every
source answered that it has no key. A certificate that must not be used is refused or held under either
rule, an outage is deferred. Pure; nothing is raised.
"""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from relay.model import (
    Clear,
    Decision,
    Defer,
    Encrypt,
    Found,
    Hold,
    Lookup,
    NotFound,
    Outage,
    Pass,
    Refuse,
    Unusable,
    Why,
)
from relay.policy.rule import Encryption, Rule, WithoutKey

NEVER = "the rule says never"
NOT_LOOKED_UP = "no key was looked up"


class Telling(StrEnum):
    """How the sender learns of a decision."""

    NOTHING = "nothing"
    """Not at all."""
    NOTICE = "notice"
    """By a mail: a refused recipient is then answered 250; of a held mail there is one notice."""
    REPLY = "reply"
    """By the SMTP answer, 550."""


def needs_key(rule: Rule, *, encrypted_as: str | None) -> bool:
    """Whether `decide` will want a lookup."""
    return rule.encrypt is not Encryption.NEVER and encrypted_as is None


def decide(rule: Rule, *, encrypted_as: str | None, lookup: Lookup | None, late: bool = False) -> Decision:
    """What is to be done.

    `encrypted_as` says how the message is encrypted already, None that it is not; `late`: it loses its signature
    because it leaves too long after or before its Date.
    """
    if rule.encrypt is Encryption.NEVER:
        return Clear(rule.name, NEVER)
    if encrypted_as is not None:
        return Pass(rule.name, f"already encrypted: {encrypted_as}")
    return _by_lookup(rule, lookup, late=late and rule.sign)


def telling(decision: Decision, *, sender_null: bool, notify_never: bool, automatic: bool) -> Telling:
    """How the sender learns of it; there is no notice to `<>`, to programs, or where NOTIFY=NEVER was asked for."""
    possible = not (sender_null or notify_never or automatic)
    match decision:
        case Refuse(by_reply=by_reply):
            return Telling.NOTICE if possible and not by_reply else Telling.REPLY
        case Hold():
            return Telling.NOTICE if possible else Telling.NOTHING
        case Pass() | Encrypt() | Clear() | Defer():
            return Telling.NOTHING
        case _ as never:
            assert_never(never)


def _by_lookup(rule: Rule, lookup: Lookup | None, *, late: bool) -> Decision:
    match lookup:
        case None:
            return Defer(rule.name, NOT_LOOKED_UP)
        case Found():
            sign = rule.sign and not late
            return Encrypt(rule.name, lookup, sign=sign, protect_subject=rule.protect_subject, late=late)
        case NotFound():
            return _without_key(rule)
        case Unusable(why=why, fingerprint=fingerprint):
            return _not_encrypted(rule, why, fingerprint)
        case Outage(source=source, reason=reason):
            return _without_key(rule) if source in rule.excused else Defer(rule.name, f"{source}: {reason}")
        case _ as never:
            assert_never(never)


def _without_key(rule: Rule) -> Decision:
    if rule.encrypt is Encryption.PREFERRED:
        return Clear(rule.name, Why.NO_KEY)
    return _not_encrypted(rule, Why.NO_KEY)


def _not_encrypted(rule: Rule, why: Why, fingerprint: str = "") -> Refuse | Hold:
    match rule.without_key:
        case WithoutKey.REFUSE:
            return Refuse(rule.name, why, rule.by_reply, fingerprint)
        case WithoutKey.HOLD:
            return Hold(rule.name, why, fingerprint)
        case _ as never:
            assert_never(never)
