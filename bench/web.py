"""How many answers a second the public web service gives from its Web Key Directory.

    python bench/web.py [--addresses N] [--seconds S] [--clients N] [--json]

`pgp-relay web public` runs with certificates of so many addresses, of 1 KB each. Clients ask for them in turn, on one
connection each (`kept`), then on a new one for each answer (`new`). Told are answers a second, and the milliseconds of
processor time of the service for one. Every answer is compared with what was published. The promise is 1,000 answers a
second on kept connections.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from lab.processes import Family
from lab.public import WebPublic

from relay.model import Address
from relay.model.public import ObjectKind, PublicObject
from relay.model.wkd_location import locations

SIZE = 1000


@dataclass(frozen=True)
class Found:
    """One way of connecting."""

    answers_per_second: float
    milliseconds: float
    """Of the processor, for one answer."""


def published(number: int) -> tuple[str, PublicObject]:
    """The path of an address, and its certificate."""
    found = locations(Address(f"dr.{number}@hopital.example"))
    path = found[0].path if found else ""
    name = path.partition("?")[0].removeprefix("/.well-known/openpgpkey/")
    return path, PublicObject(ObjectKind.CERTIFICATES, name, number.to_bytes(4, "big") * (SIZE // 4))


async def publish(web: WebPublic, objects: list[PublicObject]) -> None:
    """Hand all of them over."""
    channel = web.channel()
    try:
        for begin in range(0, len(objects), 50):
            await asyncio.gather(*(channel.put(one) for one in objects[begin : begin + 50]))
    finally:
        await channel.close()


def ask(port: int, known: list[tuple[str, PublicObject]], until: float, *, kept: bool, seed: int) -> int:
    """How many answers one client gets; each is right."""
    turn, count, connection = cycle(known[seed:] + known[:seed]), 0, None
    while time.monotonic() < until:
        if connection is None:
            connection = socket.create_connection(("127.0.0.1", port))
        path, one = next(turn)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: openpgpkey.hopital.example\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(one.octets):
            more = connection.recv(1 << 16)
            if not more:
                raise RuntimeError("another answer than was published")
            answer += more
        count += 1
        if not kept:
            connection.close()
            connection = None
    return count


def measured(
    web: WebPublic, known: list[tuple[str, PublicObject]], *, kept: bool, clients: int, seconds: float
) -> Found:
    """All clients at once."""
    family = Family(web.pid)
    began, spent = time.monotonic(), family.seconds()
    with ThreadPoolExecutor(clients) as threads:
        until = began + seconds
        asked = [
            threads.submit(ask, web.http, known, until, kept=kept, seed=number * len(known) // clients)
            for number in range(clients)
        ]
        count = sum(each.result() for each in asked)
    took = time.monotonic() - began
    return Found(count / took, (family.seconds() - spent) / count * 1000)


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description="Answers of the Web Key Directory.")
    parser.add_argument("--addresses", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    known = [published(number) for number in range(given.addresses)]
    with WebPublic() as web:
        web.start()
        asyncio.run(publish(web, [one for _, one in known]))
        found = {
            name: measured(web, known, kept=name == "kept", clients=given.clients, seconds=given.seconds)
            for name in ("kept", "new")
        }
    if given.json:
        print(json.dumps({"load": os.getloadavg()[0], **{name: vars(one) for name, one in found.items()}}))
    for name, one in found.items():
        print(f"{name}: {one.answers_per_second:.0f} answers/s, {one.milliseconds:.2f} ms each")


if __name__ == "__main__":
    main()
