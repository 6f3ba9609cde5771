"""The console's own TLS, whose certificate and key can be read again while connections are open."""

from __future__ import annotations

import ssl
from collections.abc import Callable


class RenewableTls:
    """`context` to listen with; `renew` reads the files again, for connections from then on."""

    def __init__(self, read: Callable[[], ssl.SSLContext]) -> None:
        """`read` makes a context from the files. Raises what it raises, as `renew` does."""
        self._read = read
        self._current = read()
        self.context = read()
        self.context.sni_callback = self._switch

    def renew(self) -> None:
        """Where the files are wrong, the former ones stay in use."""
        self._current = self._read()

    def _switch(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current
