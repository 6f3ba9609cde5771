"""What an incoming mail costs that is neither encrypted nor signed, beside one that the relay passes on by a rule.

    python bench/incoming.py [--rounds N] [--mails N]

The ratio of the messages that one second of the relay's processor time is enough for, rounds of both ways in turn,
mails of 10 KB over LMTP: at least 0.9.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lab.client import Client
from lab.hospital import BOB, DR, Hospital, outer
from lab.processes import spent

MAIL = outer() + b"Content-Type: text/plain\r\n\r\n" + b"An ordinary line of an ordinary mail to a doctor.\r\n" * 200
LETTER = outer(DR).partition(b"\r\n")[2].replace(f"To: {DR}".encode(), f"To: {BOB}".encode()) + MAIL[len(outer()) :]
"""An outgoing one: it has no Received field yet."""
PASSES: dict[str, Any] = {"policy": [{"name": "all", "encrypt": "never"}], "log": {"level": "info", "format": "json"}}


async def _send(port: int, mails: int, mail: bytes, sender: str, recipient: str) -> None:
    async with Client(f"lmtp://127.0.0.1:{port}") as client:
        await client.hello()
        for number in range(mails):
            content = mail.replace(b"Message-ID: <", b"Message-ID: <%d." % number)
            (answer,) = await client.send(sender, [recipient], content)
            if not answer.startswith("250"):
                sys.exit(answer)


def a_second(hospital: Hospital, port: int, mails: int) -> float:
    """How many mails a second of processor time is enough for."""
    before = spent(hospital.relay.pid)
    asyncio.run(_send(port, mails, MAIL, BOB, DR))
    return mails / (spent(hospital.relay.pid) - before)


def cpu_ms(hospital: Hospital, mails: int) -> float:
    """Of an outgoing mail of an own address."""
    before = spent(hospital.relay.pid)
    asyncio.run(_send(hospital.relay.port, mails, LETTER, DR, BOB))
    return (spent(hospital.relay.pid) - before) / mails * 1000


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--mails", type=int, default=500)
    chosen = options.parse_args()
    with Hospital("gnupg", PASSES) as hospital:
        ways = {"incoming": hospital.port, "passed on": hospital.relay.port}
        rounds = [
            {way: a_second(hospital, port, chosen.mails) for way, port in ways.items()}
            for _ in range(chosen.rounds + 1)
        ][1:]  # the first warms up
    middle = {way: round(statistics.median(one[way] for one in rounds), 1) for way in ways}
    print(json.dumps({"a_second": middle, "ratio": round(middle["incoming"] / middle["passed on"], 3)}, indent=1))


if __name__ == "__main__":
    main()
