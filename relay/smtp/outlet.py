"""The client: hands one message to the next hop, and returns the reply for each recipient.

`smtp://`, `smtp+starttls://` (TLS with the certificate checked, or nothing is sent) and `lmtp://`, also over a
unix socket; see `relay.model.endpoint`. RFC 5321, RFC 2033 section 4.2, RFC 2920, and `relay.smtp.commands` for what is
sent. Connections are kept. One that the next hop has closed meanwhile is replaced; that is safe, since it is done only
before any content was sent.

Raises `NextHopError` and, where it was told that the message may not go any more, `TurnLost`: no connection, a 5xx to
connection, EHLO or STARTTLS, 421, time-outs, drops. After a drop between the final dot and its answer the next hop may
have taken the message all the same (RFC 1047); the message counts as not taken. Where an LMTP next hop drops between
its answers, those that came count and the others are 451.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

from relay.model import Envelope, Reply
from relay.model.endpoint import Endpoint
from relay.smtp.connecting import Timeouts, connect
from relay.smtp.connection import Connection
from relay.smtp.handover import Handover, Stale
from relay.smtp.pool import Pool


class SmtpOutlet:
    """The next hop at `place`."""

    def __init__(
        self,
        place: Endpoint,
        *,
        hostname: str,
        timeouts: Timeouts | None = None,
        tls: ssl.SSLContext | None = None,
        pool_size: int = 20,
    ) -> None:
        self._place = place
        self._hostname = hostname
        self._timeouts = timeouts or Timeouts()
        self._tls = tls or ssl.create_default_context()  # checks the name and the chain
        self._pool = Pool(size=pool_size, patience=self._timeouts.step)

    async def send(
        self, envelope: Envelope, content: bytes, may_go: Callable[[], bool] = lambda: True
    ) -> tuple[Reply, ...]:
        """One reply for each recipient, in their order (port `Outlet`)."""
        async with self._pool.place():
            kept = self._pool.kept()
            if kept is not None:
                try:
                    return await self._hand_over(kept, envelope, content, may_go)
                except Stale:
                    pass  # it had been closed while idle, and nothing of the message was sent
            return await self._hand_over(await self._connect(), envelope, content, may_go)

    async def probe(self) -> None:
        """Connect and send EHLO, for `check`. Raises `NextHopError`."""
        await (await self._connect()).quit()

    async def close(self) -> None:
        """Close the kept connections."""
        await self._pool.close()

    async def _hand_over(
        self, connection: Connection, envelope: Envelope, content: bytes, may_go: Callable[[], bool]
    ) -> tuple[Reply, ...]:
        async with self._pool.using(connection):
            handover = Handover(connection, envelope, lmtp=self._place.lmtp, timeouts=self._timeouts)
            return await handover.run(content, may_go)

    async def _connect(self) -> Connection:
        return await connect(self._place, hostname=self._hostname, timeouts=self._timeouts, tls=self._tls)
