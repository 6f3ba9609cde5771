"""From a rule and what was looked up to the decision.

Only two cases are clear: a rule that says never, and a rule that prefers encryption where every source answered that it
has no key. A certificate that must not be used is refused or held under either rule, an outage is deferred. Pure;
nothing is raised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, assert_never

from relay.model import (
    Certificate,
    Clear,
    Decision,
    Defer,
    Doubt,
    Encrypt,
    Found,
    Hold,
    Lookup,
    NotFound,
    Origin,
    Outage,
    Pass,
    Pickup,
    Refuse,
    Unusable,
    Why,
)
from relay.model.decision import NOT_SIGNED
from relay.model.pickup import Obstacle
from relay.policy.rule import Encryption, PassEncrypted, Rule, WithoutKey

NEVER = "the rule says never"
NOT_LOOKED_UP = "no key was looked up"


@dataclass(frozen=True, slots=True)
class Encrypted:
    """How far a message is encrypted already."""

    kind: str | None = None
    """In words; None: it is not."""
    key_ids: tuple[frozenset[str], ...] = ()
    """Of each encrypted part, the key ids that its session keys are for."""
    doubt: Doubt | None = None
    """Why it is not encrypted, where it looks encrypted."""

    def known(self, lookup: Lookup | None) -> bool:
        """Whether each part is encrypted to the key that was found; of a binding, to every one."""
        if not isinstance(lookup, Found):
            return False
        return bool(self.key_ids) and all(map(self._for, lookup.certificates))

    def _for(self, certificate: Certificate) -> bool:
        own = {key.key_id for key in certificate.components if key.encrypts and key.valid and not key.revoked}
        return all(not own.isdisjoint(key_ids) for key_ids in self.key_ids)


NOT_ENCRYPTED = Encrypted()


def needs_key(rule: Rule, encrypted: Encrypted) -> bool:
    """Whether `decide` will want a lookup."""
    passes = encrypted.kind is not None and rule.pass_encrypted is PassEncrypted.ANY
    return rule.encrypt is not Encryption.NEVER and not passes


def decide(  # noqa: PLR0913  what a decision hangs on
    rule: Rule,
    encrypted: Encrypted,
    lookup: Lookup | None,
    *,
    late: bool = False,
    left_alone: bool = False,
    obstacle: Obstacle | None = None,
) -> Decision:
    """What is to be done.

    `late`: it loses its signature because it leaves too long after or before its Date; `left_alone`: in clear it gets
    none, whatever the rule says; `obstacle`: why it cannot become a pick-up.
    """
    decision = _decide(rule, encrypted, lookup, obstacle, late=late)
    if not isinstance(decision, Clear) or not rule.sign_clear or left_alone or encrypted.kind:
        return decision
    return replace(decision, sign=not late, reason=f"{decision.reason}{NOT_SIGNED if late else ''}")


class _Case(NamedTuple):
    """What a decision depends on, apart from the key that was looked up."""

    rule: Rule
    doubt: Doubt | None
    """Why a mail that looks encrypted does not count as encrypted."""
    obstacle: Obstacle | None
    late: bool
    """A signature that the rule wants is left out."""


class _Key(NamedTuple):
    """The one that must not be used."""

    fingerprint: str = ""
    binding: str = ""


_NO_KEY = _Key()


def _decide(
    rule: Rule, encrypted: Encrypted, lookup: Lookup | None, obstacle: Obstacle | None, *, late: bool
) -> Decision:
    if rule.encrypt is Encryption.NEVER:
        return Clear(rule.name, NEVER)
    late = late and rule.sign
    if encrypted.kind is None:
        return _by_lookup(_Case(rule, encrypted.doubt, obstacle, late), lookup)
    if rule.pass_encrypted is PassEncrypted.ANY or encrypted.known(lookup):
        return Pass(rule.name, f"already encrypted: {encrypted.kind}")
    return _by_lookup(_Case(rule, Doubt.UNKNOWN_KEYS, obstacle, late), lookup)


def _by_lookup(case: _Case, lookup: Lookup | None) -> Decision:
    rule = case.rule
    match lookup:
        case None:
            return Defer(rule.name, NOT_LOOKED_UP)
        case Found():
            return _with_key(case, lookup)
        case NotFound():
            return _without_key(case)
        case Unusable():
            return _not_encrypted(case, lookup.why, _Key(lookup.fingerprint, lookup.binding))
        case Outage(source=source, reason=reason):
            excused = source in rule.excused
            return _without_key(case) if excused else Defer(rule.name, f"{source}: {reason}")
        case _ as never:
            assert_never(never)


def _with_key(case: _Case, found: Found) -> Decision:
    """A key that came with mail is used in place of cleartext, and for nothing else."""
    rule = case.rule
    if found.origin is Origin.HARVESTED and not (rule.encrypt is Encryption.PREFERRED and rule.trusts(found)):
        return _without_key(case)
    if not rule.trusts(found):
        return _not_encrypted(case, Why.UNTRUSTED, _Key(found.certificate.fingerprint, found.binding))
    sign = rule.sign and not case.late
    return Encrypt(rule.name, found, sign=sign, protect_subject=rule.protect_subject, late=case.late)


def _without_key(case: _Case) -> Decision:
    if case.rule.encrypt is Encryption.PREFERRED:
        return Clear(case.rule.name, _reason(Why.NO_KEY, case.doubt))
    return _not_encrypted(case, Why.NO_KEY)


def _reason(why: Why, doubt: Doubt | None) -> str:
    return doubt.beside(why) if doubt else why


def _not_encrypted(case: _Case, why: Why, key: _Key = _NO_KEY) -> Refuse | Hold | Pickup:
    rule, reason = case.rule, _reason(why, case.doubt)
    match rule.without_key:
        case WithoutKey.REFUSE:
            return Refuse(rule.name, reason, rule.by_reply, *key)
        case WithoutKey.HOLD:
            return Hold(rule.name, reason, *key)
        case WithoutKey.PICKUP:
            return _picked_up(case, reason, key)
        case _ as never:
            assert_never(never)


def _picked_up(case: _Case, reason: str, key: _Key) -> Refuse | Hold | Pickup:
    """A mail that is too large will never be smaller; for the other obstacles there may be a key, or a code, later."""
    rule, obstacle = case.rule, case.obstacle
    match obstacle:
        case None:
            return Pickup(rule.name, reason, *key)
        case Obstacle.TOO_LARGE:
            return Refuse(rule.name, f"{reason}, {obstacle}", rule.by_reply, *key)
        case Obstacle.NOBODY | Obstacle.NO_CODE:
            return Hold(rule.name, f"{reason}, {obstacle}", *key)
        case _ as never:
            assert_never(never)
