"""What one mail walks through: the files of relay/ that are entered for it, and the calls from one package to another.

    python bench/crossings.py [--size OCTETS] [--json]

A relay as it runs at a site (its log at level info) encrypts mails of 10 KB with GnuPG for a key in its store. The
first ones warm it up; the functions called for the last one are noted (sys.setprofile), from the moment its content is
complete until it is settled. A file counts once, however often it is entered; a crossing is the start of a function of
one package (`relay/mail`, `relay/smtp`) by a function of another one, without what lies between in libraries. Threads
and other processes are not looked into.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from lab.client import Client
from lab.known import KNOWN, Known
from lab.relay import Relay
from lab.sink import Sink
from lab.waiting import wait_for

SENDER = "dr.martin@hopital.example"
WARM = 3
NOTING = """
import json, pathlib, sys
from relay.smtp.inlet import Inlet

SOURCE = str(pathlib.Path(sys.modules["relay"].__file__).parent) + "/"
deliver, mails, files, crossings = Inlet.deliver, [], set(), {}

def room(name):
    return name.partition("/")[0].removesuffix(".py")

def note(frame, event, _):
    code = frame.f_code
    if event != "call" or not code.co_filename.startswith(SOURCE) or frame.f_lineno != code.co_firstlineno:
        return
    name = code.co_filename[len(SOURCE):]
    files.add(name)
    caller = frame.f_back
    while caller and not caller.f_code.co_filename.startswith(SOURCE):
        caller = caller.f_back
    if caller and (there := room(caller.f_code.co_filename[len(SOURCE):])) != room(name):
        pair = there + " " + room(name)
        crossings[pair] = crossings.get(pair, 0) + 1

def noted(self, *given):
    mails.append(1)
    if len(mails) <= WARM:
        return deliver(self, *given)
    sys.setprofile(note)
    task = deliver(self, *given)
    task.add_done_callback(lambda _: tell())
    return task

def tell():
    sys.setprofile(None)
    told = {"files": sorted(files), "crossings": dict(sorted(crossings.items(), key=lambda each: -each[1]))}
    new = pathlib.Path("noted.new")
    new.write_text(json.dumps(told))
    new.rename("noted")

Inlet.deliver = noted
"""


def measure(size: int) -> dict[str, object]:
    """Files and crossings of one mail."""
    policy = [{"name": "all", "encrypt": "required"}]
    with (
        Known() as known,
        Sink() as sink,
        Relay(
            {
                "reinject": f"smtp://127.0.0.1:{sink.port}",
                "policy": policy,
                "engine": "gnupg",
                "log": {"level": "info", "format": "json"},
            }
        ) as relay,
    ):
        known.introduce(relay)
        relay.altered = f"WARM = {WARM}\n{NOTING}"
        relay.start()
        asyncio.run(_send(relay.port, size))
        told = relay.folder / "noted"
        wait_for(told.exists, "noted")
        found = json.loads(told.read_text())
        relay.stop()
    return {
        "size": size,
        "files": len(found["files"]),
        "packages": len({name.partition("/")[0] for name in found["files"]}),
        "crossings": sum(found["crossings"].values()),
        "kinds": len(found["crossings"]),
        "between": found["crossings"],
        "entered": found["files"],
    }


async def _send(port: int, size: int) -> None:
    head = f"From: {SENDER}\r\nTo: {KNOWN}\r\nSubject: results\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
    for number in range(WARM + 1):
        text = f"{number}\r\n" + "The results are as expected, and nothing is to be done.\r\n" * (size // 57)
        async with Client(f"lmtp://127.0.0.1:{port}") as client:
            await client.hello()
            (reply,) = await client.send(SENDER, [KNOWN], (head + text).encode())
            if not reply.startswith("250"):
                raise SystemExit(reply)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    told = measure(chosen.size)
    if chosen.json:
        print(json.dumps(told, indent=1))
        return
    print(
        f"{told['files']} files of {told['packages']} packages, {told['crossings']} crossings of {told['kinds']} kinds"
    )
    for pair, count in told["between"].items():  # type: ignore[attr-defined]  # a dictionary
        print(f"{count:5} {pair.replace(' ', ' -> ')}")


if __name__ == "__main__":
    main()
