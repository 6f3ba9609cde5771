"""Which rule a message falls under, and what that rule does with it. Pure: no I/O, nothing is altered.

`match` finds the rule, `why_not` says why another one was not it, `needs_key` whether a key is to be looked up,
`decide` makes the decision and `telling` says how the sender learns of it.
"""

from relay.policy.decide import NOT_ENCRYPTED, Encrypted, Telling, decide, needs_key, telling
from relay.policy.pattern import AddressPattern, HeaderPattern, SubjectPattern
from relay.policy.rule import (
    DEFAULT_RULE,
    OPENED,
    OWN_NOTICE,
    Encryption,
    Message,
    PassEncrypted,
    Rule,
    Trust,
    WithoutKey,
    WkdOutage,
    candidates,
    first_for,
    for_opened,
    match,
    why_not,
)
from relay.policy.text import Text

__all__ = [
    "DEFAULT_RULE",
    "NOT_ENCRYPTED",
    "OPENED",
    "OWN_NOTICE",
    "AddressPattern",
    "Encrypted",
    "Encryption",
    "HeaderPattern",
    "Message",
    "PassEncrypted",
    "Rule",
    "SubjectPattern",
    "Telling",
    "Text",
    "Trust",
    "WithoutKey",
    "WkdOutage",
    "candidates",
    "decide",
    "first_for",
    "for_opened",
    "match",
    "needs_key",
    "telling",
    "why_not",
]
