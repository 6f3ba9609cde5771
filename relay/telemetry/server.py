"""A small HTTP server for figures and health: GET and HEAD, one request a connection (RFC 9112, RFC 9110).

Promises bounds for what comes from outside: so many connections at once, so many octets of a request, so many seconds
for all of it; whatever is not one of the pages is 404, whatever is no request 400. A request's body is never read.
It listens on a TCP port or on a unix socket that its owner alone may use. Raises `ListenError`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from relay.model.endpoint import HostPort
from relay.model.errors import ListenError

MOST_CONNECTIONS = 16
MOST_OCTETS = 8192
SECONDS = 5.0
PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page says."""

    status: HTTPStatus
    body: bytes
    content_type: str = PLAIN


Pages = Callable[[str], Answer | None]
"""The answer for a path; None: there is no such page."""


class Server:
    """`listen`, and `close` at the end."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._server: asyncio.Server | None = None
        self._socket: Path | None = None
        self._conversations: set[asyncio.Task[None]] = set()

    async def listen(self, place: HostPort) -> None:
        """On a TCP port."""
        try:
            self._server = await asyncio.start_server(self._connected, place.host, place.port, limit=MOST_OCTETS)
        except OSError as error:
            raise ListenError(f"metrics: {place} cannot be listened on: {_reason(error)}") from error

    async def listen_here(self, path: Path) -> None:
        """On a unix socket; one that nobody listens on any more is replaced."""
        try:
            await _clear(path)
            self._server = await asyncio.start_unix_server(self._connected, path, limit=MOST_OCTETS)
            self._socket = path
            path.chmod(0o600)  # noqa: ASYNC240  one system call, at start
        except OSError as error:
            raise ListenError(f"{path} cannot be listened on: {_reason(error)}") from error

    async def close(self) -> None:
        """Nobody is answered any more."""
        if self._server:
            self._server.close()
        if self._socket:
            self._socket.unlink(missing_ok=True)
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._conversations) >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._conversations.add(task)
        try:
            async with asyncio.timeout(SECONDS):
                writer.write(await self._reply(reader))
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # it left, or is too slow
        finally:
            writer.transport.abort()
            self._conversations.discard(task)

    async def _reply(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _response(_said(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
        return self._answer(head.split(b"\r\n", 1)[0].decode("latin-1").split(" "))

    def _answer(self, words: list[str]) -> bytes:
        match words:
            case ["GET" | "HEAD" as method, target, "HTTP/1.0" | "HTTP/1.1"]:
                answer = self._pages(target.partition("?")[0]) or _said(HTTPStatus.NOT_FOUND)
                return _response(answer, head_only=method == "HEAD")
            case [_, _, "HTTP/1.0" | "HTTP/1.1"]:
                return _response(_said(HTTPStatus.METHOD_NOT_ALLOWED), "Allow: GET, HEAD")
            case _:
                return _response(_said(HTTPStatus.BAD_REQUEST))


def _said(status: HTTPStatus) -> Answer:
    return Answer(status, f"{status.phrase}\n".encode())


def _response(answer: Answer, *fields: str, head_only: bool = False) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *fields,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if head_only else answer.body)


async def _clear(path: Path) -> None:
    """Take away a socket whose process has died; raises `OSError` where another lives."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except (ConnectionRefusedError, FileNotFoundError):
        path.unlink(missing_ok=True)  # noqa: ASYNC240  likewise
    else:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        raise FileExistsError(0, "another relay listens there")


def _reason(error: OSError) -> str:
    """The system's own word; asyncio puts one of its own sentences in its place."""
    return os.strerror(error.errno).lower() if error.errno else str(error.strerror or "it cannot be used")
