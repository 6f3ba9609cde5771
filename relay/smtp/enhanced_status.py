"""Enhanced status codes (RFC 2034) for the replies that aiosmtpd writes itself."""

from __future__ import annotations

import re

_STATUS = {"221": "2.0.0", "250": "2.0.0", "500": "5.5.2", "501": "5.5.4", "502": "5.5.1", "503": "5.5.1"}
_PLAIN = re.compile(r"(?P<code>\d{3}) (?![245]\.\d{1,3}\.\d{1,3} )(?P<text>.*)", re.DOTALL)


def enhanced(reply: str) -> str:
    """A reply of aiosmtpd with an enhanced status code, and without unprintable characters that the client sent."""
    match = _PLAIN.fullmatch(reply)
    if match is None or match["code"] not in _STATUS:
        return reply
    text = "".join(c if " " <= c <= "~" else "?" for c in match["text"])
    return f"{match['code']} {_STATUS[match['code']]} {text}"
