"""Both ways of asking a domain, from this process and from one of its own: one suite, and what the process may do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from lab.baddomains import never
from lab.processes import as_nice, ended
from lab.unsigned_packets import certificate
from lab.waiting import until
from lab.wkd import Exchange, WkdServer

from relay.keys.wkd import Reason, fetch_client
from relay.keys.wkd.fetch_client import FetchClient
from relay.keys.wkd.fetch_process import NICE
from relay.keys.wkd.fetcher import Fetcher
from relay.keys.wkd.port import Document, Fetch, Settings
from relay.model import Address, NotFound, Outage
from relay.model.errors import ConfigError

pytestmark = pytest.mark.waits

BOB = Address("bob@example.org")
HOST = "openpgpkey.example.org"
NOBODY_ASKS = Outage("wkd", Reason.FETCHER)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[WkdServer]:
    async with WkdServer(tmp_path) as server:
        yield server


def settings(server: WkdServer, timeout: float = 30.0) -> Settings:
    return Settings.of(timeout=timeout, ca_file=server.ca_file, connect_to=server.connect_to(HOST))


@pytest.fixture(params=[Fetcher, FetchClient])
async def fetch(request: pytest.FixtureRequest, server: WkdServer) -> AsyncIterator[Fetch]:
    make: Callable[[Settings], Fetch] = request.param
    made = make(settings(server))
    yield made
    await made.close()


@pytest.fixture
async def process(server: WkdServer) -> AsyncIterator[FetchClient]:
    made = FetchClient(settings(server))
    yield made
    await made.close()


async def fetched(fetch: Fetch, address: Address = BOB) -> object:
    async with asyncio.timeout(60), fetch.fetched(address) as answer:
        return answer


async def answered_again(fetch: Fetch) -> object:
    """It is started once a second at most."""
    async with asyncio.timeout(60):
        while (answer := await fetched(fetch)) == NOBODY_ASKS:  # noqa: ASYNC110  nobody tells when the second is over
            await asyncio.sleep(0.05)
    return answer


async def test_what_is_published_comes_as_it_is(fetch: Fetch, server: WkdServer) -> None:
    both = [certificate("bob@example.org", number=number) for number in (1, 2)]

    async def behave(exchange: Exchange) -> None:
        await exchange.answer(b"".join(both))

    server.behaviours[HOST] = behave
    answer = await fetched(fetch)
    assert isinstance(answer, Document)
    assert answer.method == "wkd/advanced"
    assert sorted(answer.certificates) == sorted(both)


async def test_nothing_is_not_found_and_a_fault_is_an_outage(fetch: Fetch, server: WkdServer) -> None:
    assert await fetched(fetch) == NotFound("wkd", "wkd/advanced")

    async def fails(exchange: Exchange) -> None:
        await exchange.answer(b"", "500 Internal Server Error")

    server.behaviours[HOST] = fails
    assert await fetched(fetch) == Outage("wkd", Reason.SERVER, "wkd/advanced")


async def test_an_address_of_odd_octets_comes_through(fetch: Fetch, server: WkdServer) -> None:
    odd = b'"\xff\xfe \'"@example.org'.decode("utf-8", "surrogateescape")
    assert isinstance(await fetched(fetch, Address(odd)), NotFound)
    assert "%FF%FE" in server.requests[0].target


@pytest.mark.parametrize("make", [Fetcher, FetchClient])
def test_authorities_that_cannot_be_read_are_a_fault_of_the_configuration(
    make: Callable[[Settings], Fetch], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="PEM"):
        make(Settings(ca_file=tmp_path / "none.pem"))


async def test_the_process_gives_way_to_this_one_and_is_kept(process: FetchClient) -> None:
    await fetched(process)
    pid = process.pid
    assert pid
    assert os.getpriority(os.PRIO_PROCESS, pid) == as_nice(NICE)
    assert os.getsid(pid) == os.getsid(0), "between sessions being nice counts for nothing"
    await fetched(process)
    assert process.pid == pid


async def test_a_process_that_is_killed_is_an_outage_and_the_next_one_answers(
    process: FetchClient, server: WkdServer
) -> None:
    server.behaviours[HOST] = never
    waiting = [asyncio.create_task(fetched(process, Address(f"u{n}@example.org"))) for n in range(5)]
    await until(lambda: server.requests)
    first = process.pid
    assert first
    os.kill(first, signal.SIGKILL)
    assert await asyncio.gather(*waiting) == [NOBODY_ASKS] * 5
    del server.behaviours[HOST]
    assert isinstance(await answered_again(process), NotFound)
    assert process.pid != first


async def test_a_process_that_stands_still_is_killed(process: FetchClient, monkeypatch: pytest.MonkeyPatch) -> None:
    await fetched(process)
    monkeypatch.setattr(fetch_client, "SILENCE", 3.0)  # from the next answer on: it may have taken a while to start
    await fetched(process)
    pid = process.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    assert await fetched(process) == NOBODY_ASKS
    await until(lambda: ended(pid))


async def test_nothing_is_left_of_it(process: FetchClient, server: WkdServer) -> None:
    await fetched(process)
    pid = process.pid
    assert pid
    await process.close()
    assert ended(pid)
    await until(lambda: server.open.total() == 0)


@pytest.mark.parametrize(
    "program", ["#!/bin/sh\neval 'echo nonsense >&'$4\nexec sleep 60\n", "#!/bin/sh\nexit 1\n", "not a program"]
)
async def test_a_process_that_speaks_nonsense_or_cannot_be_started_is_an_outage(
    process: FetchClient, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "program"
    file.write_text(program)
    file.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(file))
    assert await fetched(process) == NOBODY_ASKS
    monkeypatch.undo()
    assert isinstance(await answered_again(process), NotFound)


async def test_a_process_that_ends_at_once_is_not_started_for_every_mail(
    server: WkdServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its authorities have gone since the relay looked at them; that is told, and not tried again at once."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(server.ca_file.read_bytes())
    process = FetchClient(Settings.of(ca_file=ca_file, connect_to=server.connect_to(HOST)))
    ca_file.unlink()
    started = []
    start = fetch_client.FetchProcess.start

    async def counted(settings: Settings) -> fetch_client.FetchProcess:
        started.append(1)
        return await start(settings)

    monkeypatch.setattr(fetch_client.FetchProcess, "start", counted)
    monkeypatch.setattr(fetch_client, "PAUSE", 60.0)
    assert [await fetched(process) for _ in range(5)] == [NOBODY_ASKS] * 5
    assert started == [1]
    assert "ConfigError" in capsys.readouterr().out
    await process.close()


async def test_a_configuration_may_name_thousands_of_places(server: WkdServer) -> None:
    many = {f"host{n}.example:443": f"127.0.0.1:{server.port}" for n in range(5000)}
    places = many | server.connect_to(HOST)
    process = FetchClient(Settings.of(ca_file=server.ca_file, connect_to=places, timeout=30))
    assert isinstance(await fetched(process), NotFound)
    await process.close()


ORPHAN = """
import asyncio, sys
from relay.keys.wkd.fetch_client import FetchClient
from relay.keys.wkd.port import Settings
from relay.model import Address

async def main():
    made = FetchClient(Settings())
    async with made.fetched(Address("bob@nowhere.invalid")):
        print(made.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_it_ends_when_the_relay_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True) as relay:
        assert relay.stdout
        pid = int(relay.stdout.readline())
        assert not ended(pid)
        relay.kill()
        relay.wait()
    asyncio.run(until(lambda: ended(pid)))
