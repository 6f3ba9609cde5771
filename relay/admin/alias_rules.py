"""Thunderbird's alias rules (`mail.openpgp.alias_rules_file`): the keys for an address or a domain.

A rule names an `email` or a `domain` (that very one, no names below it), and its keys by `fingerprint` or 16-digit
`id`. Raises `RulesError` with a sentence. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from relay.admin.bindings import Wanted
from relay.model.errors import RelayError

LARGEST = 8 << 20


class RulesError(RelayError):
    """These are no alias rules."""


def read(octets: bytes, *, signs: bool = False) -> list[Wanted]:
    """The bindings that the rules make, in their order."""
    if len(octets) > LARGEST:
        raise RulesError(f"alias rules have at most {LARGEST >> 20} MiB")
    try:
        document = json.loads(octets)
    except (ValueError, RecursionError):
        raise RulesError("this is no JSON in UTF-8") from None
    rules = document.get("rules") if isinstance(document, dict) else None
    if not isinstance(rules, list):
        raise RulesError("these are not Thunderbird's alias rules: the list “rules” is missing")
    return [_wanted(rule, number, signs=signs) for number, rule in enumerate(rules, start=1)]


def _wanted(rule: object, number: int, *, signs: bool) -> Wanted:
    if not isinstance(rule, dict):
        raise RulesError(f"rule {number}: is no object")
    email, domain = rule.get("email"), rule.get("domain")
    named = [text for text in (email, domain) if isinstance(text, str) and text]
    if len(named) != 1:
        raise RulesError(f"rule {number}: has either “email” or “domain”")
    return Wanted(named[0] if email else f"*@{named[0]}", _keys(rule.get("keys"), number), signs)


def _keys(keys: object, number: int) -> Sequence[str]:
    if not isinstance(keys, list) or not keys:
        raise RulesError(f"rule {number}: has no keys; leave the rule out, or name them")
    names = [key.get("fingerprint") or key.get("id") if isinstance(key, dict) else None for key in keys]
    if not all(isinstance(name, str) and name for name in names):
        raise RulesError(f"rule {number}: each of its keys has a “fingerprint” or an “id”")
    return [str(name) for name in names]
