"""The HTTP endpoints: `/metrics`, `/healthz` and `/readyz` on `metrics`, and `/status` for the relay's user.

`/status` (JSON: numbers and the last troubles) is answered on a socket in the keyring folder alone, which nobody but
the relay's own user can reach; `pgp-relay status` asks there. If another relay has that socket, this one runs without
it, with a line in the log. Raises `ListenError` for `metrics`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

from relay.model.endpoint import HostPort
from relay.model.errors import ListenError
from relay.telemetry import catalogue as c
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.telemetry.exposition import CONTENT_TYPE, MetricsPage
from relay.telemetry.metrics import Metrics
from relay.telemetry.server import Answer, Server


class Endpoints:
    """`open`, `move` at a reload, `close`. `refresh` is called before each answer."""

    def __init__(self, metrics: Metrics, refresh: Callable[[], None]) -> None:
        self._metrics = metrics
        self._metrics_page = MetricsPage(metrics)
        self._refresh = refresh
        self._public: Server | None = None
        self._own: Server | None = None
        self._place: HostPort | None = None

    async def open(self, folder: Path, place: HostPort | None) -> None:
        """Listen on the socket in `folder` and, unless None, at `place`. Raises `ListenError` for `place`."""
        await self.move(place)
        self._own = Server(self._pages_for_owner)
        try:
            await self._own.listen_in(folder)
        except ListenError as error:
            events.log().warning(Event.STATUS_UNAVAILABLE, **events.unforeseen(error))

    async def move(self, place: HostPort | None) -> None:
        """Listen at another place for `metrics`; if that fails, the old one stays."""
        if place == self._place:
            return
        fresh = Server(self._pages) if place else None
        if fresh and place:
            await fresh.listen(place)
        old, self._public, self._place = self._public, fresh, place
        if old:
            old.close()

    async def close(self) -> None:
        """Stop answering, and close the sockets."""
        await self.move(None)
        if self._own:
            self._own.close()

    def _pages(self, path: str) -> Answer | None:
        self._refresh()
        match path:
            case "/metrics":
                return Answer(HTTPStatus.OK, self._metrics_page.text(), CONTENT_TYPE)
            case "/healthz":
                return _word("alive" if self._metrics.alive else "stalled", good=bool(self._metrics.alive))
            case "/readyz":
                return _word(self._metrics.lacks or "ready", good=not self._metrics.lacks)
            case _:
                return None

    def _pages_for_owner(self, path: str) -> Answer | None:
        if path != "/status":
            return self._pages(path)
        self._refresh()
        return Answer(HTTPStatus.OK, json.dumps(self._status()).encode(), "application/json")

    def _status(self) -> dict[str, Any]:
        metrics = self._metrics
        return {
            "started": metrics.value(c.STARTED),
            "configuration": metrics.configuration,
            "lacks": metrics.lacks,
            "workers": {"alive": metrics.alive, "configured": metrics.wanted, "ended": metrics.value(c.WORKERS_ENDED)},
            "nodes": {"running": metrics.value(c.NODES), "differing": metrics.value(c.NODES_DIFFERING)},
            "messages": metrics.value(c.MESSAGES),
            "per_second": round(metrics.per_second, 2),
            "in_progress": metrics.in_progress,
            "replies": {reply: metrics.value(c.REPLIES, reply) for reply in c.REPLIES.closed},
            "certificates": {state: metrics.value(c.CERTIFICATES, state) for state in c.CERTIFICATES.closed},
            "expiring": [
                dict(zip(("expires", "addresses", "fingerprint"), key, strict=True))
                for key in metrics.counters.soon or ()
            ],
            "last_encryption": metrics.value(c.LAST_ENCRYPTION) or None,
            "next_hop_failures": metrics.value(c.HOP_FAILURES),
            "troubles": [asdict(trouble) for trouble in reversed(metrics.counters.troubles.values())],
        }


def _word(word: str, *, good: bool) -> Answer:
    return Answer(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, f"{word}\n".encode())
