"""Asks a running relay how it is, over the socket in its keyring folder (`relay.telemetry.endpoints`).

A relay that is just ending, or is asked by too many at once, closes without a word: it is asked again. Raises
`RelayError` with what to do where the socket may not be used or the answer is none.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from relay.model.errors import RelayError
from relay.telemetry import status_socket

SECONDS = 10.0
AGAIN = 0.05
MOST_OCTETS = 1 << 20
_REQUEST = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def ask(folder: Path) -> dict[str, Any] | None:
    """What it says; None where none runs."""
    try:
        async with asyncio.timeout(SECONDS):
            while not (answer := await _answer(folder)):  # noqa: ASYNC110  nobody tells when it has ended
                await asyncio.sleep(AGAIN)
            return _read(answer)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return None
    except PermissionError:
        raise RelayError(f"{folder} is another user's: run this as the relay's user (runuser -u USER -- …)") from None
    except TimeoutError:
        raise RelayError(f"the relay does not answer within {SECONDS:g} s: see its log, and restart it") from None
    except OSError as error:
        raise RelayError(f"{folder / status_socket.NAME} cannot be used: {error.strerror}") from error


async def _answer(folder: Path) -> bytes:
    """Empty where it closed without a word."""
    with status_socket.reachable(folder) as path:
        reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(_REQUEST)
        return await _all(reader)
    except (ConnectionResetError, BrokenPipeError):
        return b""
    finally:
        writer.close()


async def _all(reader: asyncio.StreamReader) -> bytes:
    answer = b""
    while (more := await reader.read(1 << 16)) and len(answer) <= MOST_OCTETS:
        answer += more
    return answer


def _read(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        told: dict[str, Any] = json.loads(body if head.startswith(b"HTTP/1.1 200 ") else b"")
    except ValueError:
        raise RelayError("what answers is no relay of this version: restart it after an upgrade") from None
    return told
