"""What each part of a small mail may cost, in multiples of the pass-through's processor time of a mail.

`sequoia`, 10 KB, ten sessions, LMTP, one worker; the parts are those of `where`. docs/performance.md has
the same table.
"""

from __future__ import annotations

BUDGETS = {
    "log lines": 0.2,
    "the store: ledger, trace, certificates": 0.35,
    "the last check of what was made": 0.4,
    "encryption (pysequoia), or calling gpg": 0.5,
    "armor and MIME around it": 0.12,
    "next hop": 0.4,
    "inlet: commands, DATA, dots": 0.6,
    "reading the mail: header checks, shape, digest": 0.45,
    "rules, lookups, pipeline": 0.75,
    "asyncio": 0.25,
}
