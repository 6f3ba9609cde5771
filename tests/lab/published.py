"""A Web Key Directory beside a relay process: the server of `lab.wkd` in a thread of its own.

`with Published("ville.example") as wkd: wkd.publish("bob@ville.example", key)`; `wkd.settings` is what `lookup.wkd` of
the relay needs to reach it, with a timeout that a busy machine does not meet. `behave` makes a host evil, `stop` and
`start` take the server away and bring it back on the same port.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from lab.ports import free_port
from lab.wkd import Behaviour, WkdServer
from relay.model import Address
from relay.model.wkd_location import hashed

T = TypeVar("T")


class Published:
    """Serves these domains by the advanced method."""

    def __init__(self, *domains: str, timeout: float = 10.0) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))
        self.timeout = timeout
        self.hosts = [f"openpgpkey.{domain}" for domain in domains]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.server = WkdServer(self.root, port=free_port())

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self.server.__aenter__())
        context = self.server.authority.context(*self.hosts)
        self.server.tls.update(dict.fromkeys(self.hosts, context))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self.server.__aexit__(kind, error, trace))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self.root)

    @property
    def settings(self) -> dict[str, Any]:
        """`lookup.wkd`."""
        places = self.server.connect_to(*self.hosts)
        return {"ca_file": str(self.server.ca_file), "connect_to": places, "timeout": f"{self.timeout:g}s"}

    @property
    def asked(self) -> list[str]:
        """The addresses' local parts, in the order they were asked for."""
        return [request.target.rpartition("?l=")[2] for request in self.server.requests]

    def publish(self, address: str, certificate: bytes) -> None:
        """Put it where a domain puts it."""
        parsed = Address(address)
        folder = self.root / parsed.domain / "hu"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashed(parsed.local.encode())).write_bytes(certificate)

    def withdraw(self, address: str) -> None:
        parsed = Address(address)
        (self.root / parsed.domain / "hu" / hashed(parsed.local.encode())).unlink()

    def behave(self, domain: str, behaviour: Behaviour | None) -> None:
        """From now on; None: as it should."""
        host = f"openpgpkey.{domain}"
        if behaviour is None:
            self.server.behaviours.pop(host, None)
        else:
            self.server.behaviours[host] = behaviour

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)
