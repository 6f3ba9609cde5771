"""Browsers in which somebody has logged in: whoever tries passwords elsewhere does not lock them out.

A device cookie, as OWASP describes it, is made for one person and signed. Attempts with one are limited by the cookie,
all others by the name. It opens nothing: password and code are needed as without it. The key is this process's own:
after a restart, attempts are limited by the name until the next login.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field, replace

from relay.web.console.sessions import cookies
from relay.web.http.messages import Answer, Request

COOKIE = "__Host-device"
KEPT = 90 * 86400
"""Seconds that a browser keeps the cookie."""


@dataclass(frozen=True, slots=True)
class Devices:
    """Makes the cookies and knows them again."""

    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def of(self, request: Request, name: str) -> str:
        """What tells this browser from others, if this person has logged in there; else empty."""
        device, _, signature = cookies(request).get(COOKIE, "").partition(".")
        known = hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(device, name).encode())
        return device if known else ""

    def noted(self, request: Request, name: str, answer: Answer) -> Answer:
        """The answer to this person, who is logged in; with the cookie where the browser has none of theirs."""
        if self.of(request, name) or "Set-Cookie" in answer.headers:
            return answer
        device = secrets.token_urlsafe(16)
        cookie = f"{COOKIE}={device}.{self._signature(device, name)}"
        kept = f"{cookie}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={KEPT}"
        return replace(answer, headers={**answer.headers, "Set-Cookie": kept})

    def _signature(self, device: str, name: str) -> str:
        text = f"{device}:{name.lower()}".encode("utf-8", "replace")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
