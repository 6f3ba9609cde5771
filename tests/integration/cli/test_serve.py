"""`serve` as a process: what a signal does, and that keys and policy count without a restart."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from lab.certificates import make_keypair
from lab.client import Client
from lab.nexthop import ScriptedHop, Wait
from lab.relay import Relay

FROM = "dr.martin@hopital.example"
BOB = "bob@ville.example"
NUMBERS = count(1)
REQUIRED = [{"name": "required", "encrypt": "required", "refuse_with": "reply"}]
PREFERRED = [{"name": "preferred", "encrypt": "preferred"}]
SLOW_BEHIND_STOPPING = """
import pathlib, time
from relay.daemon import systemd
def stopping():
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
systemd.stopping = stopping
"""


@asynccontextmanager
async def serving(hop: ScriptedHop, policy: Sequence[Mapping[str, Any]]) -> AsyncIterator[Relay]:
    with Relay({"reinject": hop.url, "policy": policy}) as relay:
        await asyncio.to_thread(relay.start)
        try:
            yield relay
        finally:
            await asyncio.to_thread(relay.stop)


def mail() -> bytes:
    """Another one each time: attempts at the same mail wait for one another."""
    head = f"From: {FROM}\r\nTo: {BOB}\r\nSubject: =?utf-8?q?R=C3=A9sultats?=\r\n"
    return f"{head}Message-ID: <{next(NUMBERS)}@hopital.example>\r\n\r\nBonjour\r\n".encode()


async def send(relay: Relay) -> str:
    async with Client(f"lmtp://127.0.0.1:{relay.port}") as client:
        await client.hello()
        return (await client.send(FROM, [BOB], mail()))[0]


async def reload(relay: Relay, event: str, **settings: object) -> dict[str, Any]:
    relay.configure({**relay.settings, **settings})
    relay.signal(signal.SIGHUP)
    return await asyncio.to_thread(relay.wait_event, event)


async def test_a_new_key_counts_within_a_second_while_it_serves() -> None:
    async with ScriptedHop() as hop, serving(hop, REQUIRED) as relay:
        assert (await send(relay)).startswith("550 5.7.1 ")
        pair = make_keypair(f"<{BOB}>")
        await asyncio.to_thread(relay.run, "keys", "import", "-", content=pair.public)
        asked = imported = time.monotonic()
        while not (reply := await send(relay)).startswith("250 "):
            assert asked < imported + 1, reply
            asked = time.monotonic()
        assert b"BEGIN PGP MESSAGE" in hop.messages[0].content
        await asyncio.to_thread(relay.run, "keys", "remove", pair.fingerprint)
        asked = removed = time.monotonic()
        while not (reply := await send(relay)).startswith("550 "):
            assert asked < removed + 1, reply
            asked = time.monotonic()


async def test_sighup_a_new_policy_counts_and_a_wrong_one_is_refused_by_name() -> None:
    async with ScriptedHop() as hop, serving(hop, PREFERRED) as relay:
        assert (await send(relay)).startswith("250 ")
        await reload(relay, "reloaded", policy=REQUIRED)
        assert (await send(relay)).startswith("550 5.7.1 ")
        right = relay.settings
        refused = await reload(relay, "not_reloaded", policy=[{"name": "x", "encrypt": "perhaps"}], colour="red")
        assert len(refused["faults"]) == 2
        assert all(fault.startswith(f"{relay.file}:") for fault in refused["faults"])
        assert (await send(relay)).startswith("550 5.7.1 "), "the old one stays"
        relay.configure(right)
        lines = [line["rule"] for line in await asyncio.to_thread(relay.trace)]
        assert lines == ["preferred", "required", "required"]


async def test_sighup_a_message_midway_keeps_the_configuration_it_began_with() -> None:
    async with ScriptedHop() as old, ScriptedHop() as new, serving(old, PREFERRED) as relay:
        go = asyncio.Event()
        old.at["."] = Wait(go)
        midway = asyncio.create_task(send(relay))
        await old.until(".")
        await reload(relay, "reloaded", reinject=new.url)
        assert (await send(relay)).startswith("250 ")
        assert (len(old.messages), len(new.messages)) == (0, 1)
        go.set()
        assert (await midway).startswith("250 ")
        assert (len(old.messages), len(new.messages)) == (1, 1)
        await old.until_closed()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_is_in_flight_is_finished_and_the_status_is_0(number: signal.Signals) -> None:
    async with ScriptedHop() as hop, serving(hop, PREFERRED) as relay:
        go = asyncio.Event()
        hop.at["."] = Wait(go)
        midway = asyncio.create_task(send(relay))
        await hop.until(".")
        relay.signal(number)
        await asyncio.to_thread(relay.wait_event, "stopping")
        with pytest.raises(OSError, match=r".+"):
            await send(relay)
        assert not midway.done()
        go.set()
        assert (await midway).startswith("250 ")
        await asyncio.to_thread(relay.wait_event, "stopped")
        assert len(hop.messages) == 1
    # leaving `serving` has seen exit status 0


def test_that_it_stops_was_told_while_it_still_took_connections() -> None:
    with Relay() as relay:
        relay.altered = SLOW_BEHIND_STOPPING
        relay.start()
        relay.signal(signal.SIGTERM)
        relay.wait_event("stopping")
        try:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", relay.port), 30)
        finally:
            (relay.folder / "go").touch()


async def test_stopping_does_not_wait_for_a_client_that_says_nothing() -> None:
    async with ScriptedHop() as hop, serving(hop, PREFERRED) as relay:
        idle = await Client(f"lmtp://127.0.0.1:{relay.port}").__aenter__()
        await idle.hello()
        begun = time.monotonic()
        relay.signal(signal.SIGTERM)
        assert (await idle.reply()).startswith("421 4.3.2 ")
        await asyncio.to_thread(relay.wait_event, "stopped")
        assert time.monotonic() - begun < 20
        idle.drop()


async def test_a_port_that_is_taken_and_a_folder_that_is_not_there_are_one_sentence_each() -> None:
    async with ScriptedHop() as hop, serving(hop, PREFERRED) as relay:
        done = await asyncio.to_thread(relay.run, "serve", check=False)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.endswith(
            f"lmtp://127.0.0.1:{relay.port} cannot be listened on: Address already in use\n".encode()
        )
        relay.configure({**relay.settings, "listen": ["lmtp:///nonexistent/x.sock"]})
        done = await asyncio.to_thread(relay.run, "serve", check=False)
        assert done.returncode == 1
        assert done.stderr.endswith(b"cannot be listened on: No such file or directory\n")
        assert b"Traceback" not in done.stderr
