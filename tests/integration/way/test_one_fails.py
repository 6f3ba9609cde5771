"""A key that the engine fails at, although it was judged to be usable: nobody else in the mail waits with it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from lab.client import Client
from lab.forge import BINDING, CERTIFICATION, CERTIFIES_AND_SIGNS, ENCRYPTS, P256, Key, Signed
from lab.known import KNOWN, Known, is_encrypted
from lab.relay import Relay
from lab.sink import Sink

from relay.model import Address
from relay.store import Store

BAD = "bad@ville.example"


def odd() -> bytes:
    """Encryption to it breaks off."""
    key = Key()
    named = key.primary + key.user_id(f"<{BAD}>", Signed(CERTIFICATION, key.created, CERTIFIES_AND_SIGNS))
    return named + key.subkey(key.created, Signed(BINDING, key.created, ENCRYPTS), curve=P256)


async def overlook(relay: Relay) -> None:
    """What its judgement says is stored as if nothing were wrong with it."""
    async with await Store.open(relay.keyring / "store.db") as store:
        [entry] = await store.certificates.by_address(Address(BAD))
        components = tuple(replace(one, supported=True) for one in entry.certificate.components)
        await store.certificates.upsert([replace(entry, certificate=replace(entry.certificate, components=components))])


async def answers(relay: Relay, recipients: list[str], mail: bytes) -> list[str]:
    async with Client(f"lmtp://127.0.0.1:{relay.port}") as client:
        await client.hello()
        return [answer[:3] for answer in await client.send("a@hopital.example", recipients, mail)]


@pytest.mark.parametrize("engine", ["gnupg", "sequoia"])
def test_who_stands_beside_a_recipient_whose_encryption_fails_has_the_mail(engine: str) -> None:
    settings = {"engine": engine}
    with Known() as known, Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", **settings}) as relay:
        known.introduce(relay)
        relay.run("keys", "import", "-", content=odd(), check=False)
        asyncio.run(overlook(relay))
        relay.start()
        mail = f"From: a@hopital.example\r\nTo: {BAD}, {KNOWN}\r\nSubject: x\r\n\r\nbonjour\r\n".encode()
        assert asyncio.run(answers(relay, [BAD, KNOWN], mail)) == ["451", "250"]
        [taken] = sink.wait_for(1)
        assert (list(taken.recipients), is_encrypted(taken.content)) == ([KNOWN], True)
        assert b"bonjour" in known.decrypt(taken.content)
