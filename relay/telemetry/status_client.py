"""Asks a running relay how it is, over the socket in its keyring folder (`relay.telemetry.endpoints`).

A relay that is just ending, or is asked by too many at once, closes without a word: it is asked again. It blocks, and
loads little: a person waits for the answer. Raises `RelayError` with what to do where the socket may not be used or the
answer is none.
"""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

from relay.model.errors import RelayError
from relay.telemetry import status_socket

SECONDS = 10.0
AGAIN = 0.05
MOST_OCTETS = 1 << 20
_REQUEST = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"


def ask(folder: Path) -> dict[str, Any] | None:
    """What it says; None where none runs."""
    until = time.monotonic() + SECONDS
    try:
        while not (answer := _answer(folder, until)):
            time.sleep(AGAIN)
        return _read(answer)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return None
    except PermissionError:
        raise RelayError(f"{folder} belongs to another user: run this as root") from None
    except TimeoutError:
        raise RelayError(f"the relay does not answer within {SECONDS:g} s: see its log, and restart it") from None
    except OSError as error:
        raise RelayError(f"{folder / status_socket.NAME} cannot be used: {error.strerror}") from error


def _answer(folder: Path, until: float) -> bytes:
    """Empty where it closed without a word."""
    with socket.socket(socket.AF_UNIX) as asking:
        _limit(asking, until)
        with status_socket.reachable(folder) as path:
            asking.connect(str(path))
        try:
            asking.sendall(_REQUEST)
            return _all(asking, until)
        except (ConnectionResetError, BrokenPipeError):
            return b""


def _all(asking: socket.socket, until: float) -> bytes:
    answer = b""
    while len(answer) <= MOST_OCTETS:
        _limit(asking, until)
        if not (more := asking.recv(1 << 16)):
            break
        answer += more
    return answer


def _limit(asking: socket.socket, until: float) -> None:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    asking.settimeout(left)


def _read(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        told: dict[str, Any] = json.loads(body if head.startswith(b"HTTP/1.1 200 ") else b"")
    except ValueError:
        raise RelayError("what answers is no relay of this version: restart it after an upgrade") from None
    return told
