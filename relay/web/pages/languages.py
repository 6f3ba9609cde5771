"""In which language a page is shown: the one that the switch names, else the browser's (RFC 9110 section 12.5.4)."""

from __future__ import annotations

import re

LANGUAGES = ("fr", "en")
"""Those that there are; the first one where nothing is asked for that there is."""
_RANGE = re.compile(r" *([a-z]{1,8})(?:-[a-z0-9-]{1,30})? *(?:; *q=([01](?:\.[0-9]{0,3})?) *)?", re.IGNORECASE)
_MOST = 20


def chosen(switch: str, accepted: str) -> str:
    """`switch` is what the query says, `accepted` the field Accept-Language; both may be anything."""
    if switch in LANGUAGES:
        return switch
    best, weight = LANGUAGES[0], 0.0
    for item in accepted.split(",")[:_MOST]:
        found = _RANGE.fullmatch(item)
        if found and found[1].lower() in LANGUAGES and float(found[2] or 1) > weight:
            best, weight = found[1].lower(), float(found[2] or 1)
    return best
