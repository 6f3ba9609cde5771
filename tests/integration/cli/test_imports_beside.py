"""A relay that serves, and two imports beside it, all of them processes of their own on one store."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from pathlib import Path

from lab.certificates import fingerprint, make_certificates
from lab.client import Client
from lab.nexthop import ScriptedHop
from lab.relay import PROGRAM, Relay

FROM = "dr.martin@hopital.example"
KNOWN, NEW = "person0@ville.example", "person449@ville.example"
REQUIRED = [{"name": "required", "encrypt": "required", "refuse_with": "reply"}]
WAITS_MIDWAY = """
import asyncio, pathlib
from relay.admin.key_import import importer
real = importer.Intake._judge
async def judge(self, batch):
    judged = await real(self, batch)
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.02)
    return judged
importer.Intake._judge = judge
"""
"""An import stores nothing before the file `go` is there."""


class Sender:
    """Mails on one connection, one after the other."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.replies: list[str] = []

    async def send(self, to: str) -> str:
        number = len(self.replies)
        head = f"From: {FROM}\r\nTo: {to}\r\nSubject: Compte rendu\r\nMessage-ID: <{number}@hopital.example>\r\n\r\n"
        (reply,) = await self._client.send(FROM, [to], f"{head}Bonjour {number}\r\n".encode())
        self.replies.append(reply)
        return reply


async def imported(relay: Relay, file: Path) -> Counter[tuple[str, str]]:
    """What `keys import` told: how often each result of each key."""
    done = await asyncio.to_thread(relay.run, "keys", "import", "--json", file)  # raises unless the status is 0
    told = map(json.loads, done.stdout.splitlines())
    return Counter((line["result"], line["fingerprint"]) for line in told)


async def test_two_imports_and_a_relay_that_serves_do_not_disturb_each_other(tmp_path: Path) -> None:
    blobs = make_certificates(450, "ville.example")
    names = [fingerprint(blob) for blob in blobs]
    (tmp_path / "one.pgp").write_bytes(b"".join(blobs[1:300]))
    (tmp_path / "other.pgp").write_bytes(b"".join(blobs[150:]))
    async with ScriptedHop() as hop:
        with Relay({"reinject": hop.url, "policy": REQUIRED}) as relay:
            relay.program = (PROGRAM,)
            await asyncio.to_thread(relay.run, "keys", "import", "-", content=blobs[0])
            await asyncio.to_thread(relay.start)
            relay.program, relay.altered = (), WAITS_MIDWAY
            async with Client(f"lmtp://127.0.0.1:{relay.port}") as client:
                await client.hello()
                sender = Sender(client)
                assert (await sender.send(NEW)).startswith("550 5.7.1 "), "it is remembered that there is none"
                importing = asyncio.gather(*(imported(relay, tmp_path / name) for name in ("one.pgp", "other.pgp")))
                for _ in range(10):
                    assert (await sender.send(KNOWN)).startswith("250 ")
                (relay.folder / "go").touch()
                while not importing.done():
                    assert (await sender.send(KNOWN)).startswith("250 ")
                told = sum(await importing, Counter())
                asked = ended = time.monotonic()
                while not (reply := await sender.send(NEW)).startswith("250 "):
                    assert asked < ended + 1, reply
                    asked = time.monotonic()
            listed = [key["fingerprint"] for key in json.loads(relay.run("keys", "list", "--json").stdout)]
            await asyncio.to_thread(relay.stop)

    taken = [reply for reply in sender.replies if reply.startswith("250 ")]
    print(f"{len(taken)} mails meanwhile")
    assert len(taken) == len(hop.messages) > 10
    for message in hop.messages:
        assert b"multipart/encrypted" in message.content
        assert b"BEGIN PGP MESSAGE" in message.content
        assert b"Bonjour" not in message.content
    assert told == Counter(
        {("imported", name): 1 for name in names[1:]} | {("unchanged", name): 1 for name in names[150:300]}
    )
    assert sorted(listed) == sorted(names)
