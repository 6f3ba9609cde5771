"""Mails at a steady rate over kept connections, and how long each takes from when it was due.

They are sent by a process of its own: what a test does meanwhile in its own interpreter delays none.
"""

from __future__ import annotations

import smtplib
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from types import TracebackType
from typing import Self
from uuid import uuid4

CONNECTIONS = 8
SENDER, RECIPIENT = "dr@hopital.example", "accueil@hopital.example"
MAIL = f"From: {SENDER}\r\nTo: {RECIPIENT}\r\nSubject: canary\r\n\r\n" + "canary " * 1400 + "\r\n"
"""With a Message-ID of its own for each: of mails that are alike the relay handles one at a time."""


class Paced:
    """`with Paced(port, 200) as mails: seconds = mails.run(10)`: over LMTP."""

    def __init__(self, port: int, rate: int) -> None:
        """`rate`: mails a second, over all connections."""
        self._port, self._rate = port, rate
        self._process = ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._process.shutdown()

    def run(self, seconds: float) -> list[float]:
        """Send for so long; the seconds of each mail. A mail that waits for the one before it has begun to count."""
        return self._process.submit(_run, self._port, self._rate, seconds).result()


def _run(port: int, rate: int, seconds: float) -> list[float]:
    found, each = list[float](), int(rate * seconds / CONNECTIONS)
    with ExitStack() as kept:
        connections = [kept.enter_context(smtplib.LMTP("127.0.0.1", port, timeout=60)) for _ in range(CONNECTIONS)]
        begun = time.monotonic() + 0.1
        senders = [
            threading.Thread(target=_send, args=(connection, begun + number / rate, CONNECTIONS / rate, each, found))
            for number, connection in enumerate(connections)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    if len(found) != each * CONNECTIONS:
        raise RuntimeError(f"{len(found)} of {each * CONNECTIONS} mails were taken")
    return found


def _send(connection: smtplib.LMTP, first: float, apart: float, mails: int, found: list[float]) -> None:
    for number in range(mails):
        due = first + number * apart
        time.sleep(max(0.0, due - time.monotonic()))
        connection.sendmail(SENDER, [RECIPIENT], f"Message-ID: <{uuid4()}@hopital.example>\r\n{MAIL}")
        found.append(time.monotonic() - due)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many of a hundred do not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]
