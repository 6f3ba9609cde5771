"""The public web service as it runs at a site: `pgp-relay web public`, and requests octet by octet."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.ports import free_port
from lab.relay import Relay
from relay.channel.client import Channel
from relay.model.endpoint import HttpPlace

HOST = "cles.hopital.example"


@dataclass(frozen=True)
class Told:
    """An answer; field names in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes


class WebPublic(Relay):
    """`with WebPublic() as web: web.start()`; `web.port` is where it listens."""

    words = ("web", "public")

    def __init__(self, web: Mapping[str, Any] = {}, settings: Mapping[str, Any] = {}) -> None:
        self.http = free_port()
        super().__init__({**settings, "web": {"public": f"127.0.0.1:{self.http}", **web}})

    @property
    def socket(self) -> Path:
        """Of the channel."""
        return self.folder / "channel.sock"

    def channel(self) -> Channel:
        """The relay's end; made in an event loop."""
        return Channel(HttpPlace(path=str(self.socket)))

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, host: str = HOST, **fields: str) -> Told:
        """One request on a connection of its own; `_` in a field's name is `-`."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=30)
        try:
            connection.request(method, path, body, {"Host": host, **named})
            answer = connection.getresponse()
            return Told(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def raw(self, octets: bytes, seconds: float = 30) -> bytes:
        """Whatever comes back until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.http), seconds) as connection:
            connection.sendall(octets)
            answer = b""
            with suppress(ConnectionResetError):
                while more := connection.recv(1 << 16):
                    answer += more
            return answer
