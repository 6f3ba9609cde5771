import asyncio
import socket
import threading
from collections.abc import Callable

import pytest

from relay.keys.wkd.dns import MAX_ADDRESSES, MAX_THREADS, NameResolver, resolve
from relay.keys.wkd.reason import Failed, NoSuchName, Reason

V4, V6 = socket.AF_INET, socket.AF_INET6
Answer = list[str] | int
"""Addresses, or the error getaddrinfo gives."""


def answering(v6: Answer, v4: Answer) -> Callable[[str, socket.AddressFamily], list[str]]:
    def resolve(_: str, family: socket.AddressFamily) -> list[str]:
        answer = v6 if family == V6 else v4
        if isinstance(answer, int):
            raise socket.gaierror(answer, "what a resolver says")
        return answer

    return resolve


async def ask(v6: Answer, v4: Answer) -> list[str]:
    names = NameResolver(answering(v6, v4))
    try:
        return await names.addresses("example.org")
    finally:
        names.close()


NX, NODATA, AGAIN, FAIL = socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_AGAIN, socket.EAI_FAIL


async def test_addresses_of_both_families() -> None:
    assert await ask(["2606::1"], ["1.1.1.1"]) == ["2606::1", "1.1.1.1"]


@pytest.mark.parametrize("other", [NX, NODATA, AGAIN, FAIL])
async def test_one_family_is_enough(other: int) -> None:
    assert await ask(other, ["1.1.1.1"]) == ["1.1.1.1"]
    assert await ask(["2606::1"], other) == ["2606::1"]


@pytest.mark.parametrize(("v6", "v4"), [(NX, NX), (NODATA, NODATA), (NODATA, NX), ([], NX), ([], [])])
async def test_no_such_name_is_said_for_both_families(v6: Answer, v4: Answer) -> None:
    with pytest.raises(NoSuchName):
        await ask(v6, v4)


@pytest.mark.parametrize(
    ("v6", "v4"), [(AGAIN, AGAIN), (NX, AGAIN), (AGAIN, NODATA), ([], AGAIN), (FAIL, NX), (NODATA, FAIL)]
)
async def test_servfail_and_silence_for_one_family_are_never_no_such_name(v6: Answer, v4: Answer) -> None:
    with pytest.raises(Failed) as caught:
        await ask(v6, v4)
    assert caught.value.reason is Reason.NAME


async def test_a_name_with_a_thousand_addresses_gives_a_few() -> None:
    many = [f"1.1.{n // 256}.{n % 256}" for n in range(1000)]
    assert await ask([], many) == many[:MAX_ADDRESSES]


async def test_a_name_is_asked_once_at_a_time_and_a_slow_one_holds_no_more_threads() -> None:
    go, calls = threading.Event(), []

    def slow(host: str, family: socket.AddressFamily) -> list[str]:
        calls.append((host, family))
        go.wait(30)
        return ["1.1.1.1"] if family == V4 else []

    names = NameResolver(slow)
    waiting = [asyncio.create_task(names.addresses("example.org")) for _ in range(1000)]
    impatient = waiting[:500]
    await asyncio.sleep(0)
    for task in impatient:
        task.cancel()
    await asyncio.gather(*impatient, return_exceptions=True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(names.addresses("example.org"), 0.01)
    go.set()
    assert await asyncio.gather(*waiting[500:]) == [["1.1.1.1"]] * 500
    assert sorted(calls) == [("example.org", V4), ("example.org", V6)]
    names.close()


async def test_many_slow_names_take_a_bounded_number_of_threads_and_close_does_not_wait() -> None:
    go = threading.Event()

    def slow(_: str, __: socket.AddressFamily) -> list[str]:
        go.wait(30)
        return []

    before = threading.active_count()
    names = NameResolver(slow)
    waiting = [asyncio.create_task(names.addresses(f"{n}.example")) for n in range(500)]
    await asyncio.sleep(0.05)
    assert threading.active_count() - before <= MAX_THREADS
    names.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    go.set()
    assert all(isinstance(result, asyncio.CancelledError) for result in results)


async def test_a_fault_of_our_own_is_not_taken_for_an_answer() -> None:
    def broken(_: str, __: socket.AddressFamily) -> list[str]:
        raise ValueError("a bug")

    names = NameResolver(broken)
    with pytest.raises(ValueError, match="a bug"):
        await names.addresses("example.org")
    names.close()


def test_the_system_knows_its_own_name() -> None:
    assert resolve("localhost", V4) == ["127.0.0.1"]


def test_a_name_made_by_the_search_list_is_asked_again_with_its_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def getaddrinfo(host: bytes, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        if host.endswith(b"."):
            raise socket.gaierror(AGAIN, "SERVFAIL")
        return [(V4, 0, 0, "openpgpkey.example.org.corp.example", ("10.9.9.9", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(socket.gaierror):
        resolve("openpgpkey.example.org", V4)
    assert asked == [b"openpgpkey.example.org", b"openpgpkey.example.org."]


@pytest.mark.parametrize("host", ["x" * 64 + ".example", "a." * 130 + "example", "a..example"])
def test_a_name_that_cannot_be_one_does_not_break_the_resolver(host: str) -> None:
    with pytest.raises(socket.gaierror):
        resolve(host, V4)
