"""Which rule a message falls under, and what that rule does with it. Pure: no I/O, nothing is altered.

`match` finds the rule, `why_not` says why another one was not it, `needs_key` whether a key is to be looked up,
`decide` makes the decision and `telling` says how the sender learns of it.
"""

from relay.policy.decide import NOT_ENCRYPTED, Encrypted, decide, needs_key
from relay.policy.matching import Message, candidates, first_for, match, why_not
from relay.policy.pattern import AddressPattern, HeaderPattern, SubjectPattern
from relay.policy.rule import (
    DEFAULT_RULE,
    OPENED,
    OWN_NOTICE,
    Encryption,
    PassEncrypted,
    Rule,
    Trust,
    WithoutKey,
    WkdOutage,
    for_opened,
)
from relay.policy.telling import Telling, telling
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
