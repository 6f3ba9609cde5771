"""The incoming way in a relay that runs: several workers, a Unix socket, reload."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest
from lab.client import Client
from lab.hospital import BOB, DR, NURSE, Correspondent, Hospital, inside, mark, outer, pgp_mime
from lab.waiting import wait_for

BODY = b"Confidential findings of patient number nine\r\n"


@pytest.fixture(scope="module")
def bob() -> Correspondent:
    return Correspondent.new(BOB)


@pytest.fixture(scope="module")
def hospital(bob: Correspondent) -> Iterator[Hospital]:
    with Hospital("sequoia", settings={"workers": 2}) as made:
        made.imports(bob.keys.public)
        yield made


def encrypted(hospital: Hospital, bob: Correspondent) -> bytes:
    return pgp_mime(bob.encrypt(inside(BODY), hospital.certificates[DR]), outer())


def test_several_workers_and_a_unix_socket(hospital: Hospital, bob: Correspondent) -> None:
    content = encrypted(hospital, bob)
    for _ in range(6):
        (mail,) = hospital.take(content, DR)
        assert mark(mail)["encryption"] == "decrypted"

    async def by_socket() -> list[str]:
        async with Client(f"lmtp://{hospital.socket}") as client:
            await client.hello()
            return await client.send(BOB, [DR, NURSE], content)

    hospital.sink.forget()
    assert [answer[:3] for answer in asyncio.run(by_socket())] == ["250", "250"]
    assert sorted(mark(mail)["encryption"] for mail in hospital.sink.taken) == ["closed", "decrypted"]
    assert {line["worker"] for line in hospital.relay.events if line["event"] == "opened"} <= {0, 1}


def test_a_reload_that_takes_the_incoming_way_out_makes_its_mail_wait(hospital: Hospital, bob: Correspondent) -> None:
    before = dict(hospital.relay.settings)
    content = encrypted(hospital, bob)
    reload(hospital, {key: value for key, value in before.items() if key != "inbound"})
    hospital.sink.forget()
    hospital.outside.forget()
    assert hospital.send(content, DR)[0].startswith("451")
    assert hospital.sink.taken == []
    assert hospital.outside.taken == []
    reload(hospital, before)
    (mail,) = hospital.take(content, DR)
    assert mark(mail)["encryption"] == "decrypted"


def reload(hospital: Hospital, settings: dict[str, object]) -> None:
    seen = len(hospital.relay.events)
    hospital.relay.configure(settings)
    hospital.relay.signal(signal.SIGHUP)
    wait_for(lambda: {0, 1} <= {one.get("worker") for one in reloads(hospital, seen)}, "both workers have reloaded")


def reloads(hospital: Hospital, seen: int) -> list[dict[str, object]]:
    return [line for line in hospital.relay.events[seen:] if line["event"] == "reloaded"]
