"""Mails that are sent one after the other and timed, quiet and disturbed."""

from __future__ import annotations

import time
from pathlib import Path

from lab.client import Client

SENDER = "a@here.example"


def mail(to: str) -> bytes:
    return f"From: <{SENDER}>\r\nTo: <{to}>\r\nSubject: canary\r\n\r\nthe clear body\r\n".encode()


async def send(url: str, address: str) -> str:
    """The relay's answer for this recipient, on a connection of its own."""
    async with Client(url) as client:
        await client.hello()
        (reply,) = await client.send(SENDER, [address], mail(address))
    return reply


async def times(url: str, address: str, count: int) -> list[float]:
    """Of so many mails on one connection; each has to be taken."""
    taken = []
    async with Client(url) as client:
        await client.hello()
        for _ in range(count):
            begun = time.perf_counter()
            (reply,) = await client.send(SENDER, [address], mail(address))
            taken.append(time.perf_counter() - begun)
            assert reply.startswith("250"), reply
    return taken


def p99(taken: list[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.99)]


def most_resident(pid: int) -> int:
    """The most memory that this process has ever held, in octets."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
