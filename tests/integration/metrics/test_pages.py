"""What the real process tells of itself: figures, alive, ready; and what it does with those who ask wrongly."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from lab.canary import assert_unheard
from lab.client import Client
from lab.known import KNOWN, UNKNOWN, Known
from lab.nexthop import ScriptedHop
from lab.ports import free_port
from lab.prometheus import ask, ask_socket, figures
from lab.relay import Relay
from lab.stopwatch import Stopwatch
from lab.waiting import until, wait_for

from relay.telemetry.server import MOST_CONNECTIONS, MOST_OCTETS, SECONDS

pytestmark = pytest.mark.waits

SENDER = "dr.martin@hopital.example"
INSIDE = "dr.leroy@hopital.example"
POLICY = [
    {"name": "inside", "to": ["*@hopital.example"], "encrypt": "never"},
    {"name": "needs a key", "to": ["*@ville.example"], "encrypt": "required"},
]
NUMBERS = count(1)


@dataclass
class Site:
    """A relay with figures, whose next hop and whose gpg a test can take away."""

    relay: Relay
    metrics: int
    hop: int
    gpg: Path

    async def send(self, *recipients: str) -> list[str]:
        content = f"From: {SENDER}\r\nSubject: kanarienvogel7 {next(NUMBERS)}\r\n\r\nkanarienvogel7\r\n".encode()
        async with Client(f"lmtp://127.0.0.1:{self.relay.port}") as client:
            await client.hello()
            return await client.send(SENDER, recipients, content)

    async def says(self, path: str, status: int, word: str) -> None:
        await until(lambda: ask(self.metrics, path) == (status, f"{word}\n"))


@pytest.fixture(scope="module")
def site(known: Known, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    gpg = tmp_path_factory.mktemp("bin") / "gpg"
    gpg.symlink_to(str(shutil.which("gpg")))
    metrics, hop = free_port(), free_port()
    settings = {"reinject": f"smtp://127.0.0.1:{hop}", "metrics": f"127.0.0.1:{metrics}", "policy": POLICY}
    with Relay({**settings, "log": {"level": "info", "format": "json"}}) as relay:
        known.introduce(relay)
        relay.path = str(gpg.parent)
        relay.start()
        wait_for(lambda: ask(metrics, "/readyz") == (200, "ready\n"), "it has looked whether all works")
        yield Site(relay, metrics, hop, gpg)


async def test_figures_say_what_became_of_mails(site: Site) -> None:
    hop = ScriptedHop()
    await hop.listen(site.hop)
    try:
        assert [line[:3] for line in await site.send(KNOWN, UNKNOWN, INSIDE)] == ["250", "250", "250"]
    finally:
        await hop.stop()

    told = figures(site.metrics)

    assert told["pgp_relay_messages_total",] == 1
    for action, rule in (("encrypt", "needs a key"), ("refuse", "needs a key"), ("clear", "inside")):
        assert told["pgp_relay_recipients_total", action, rule] == 1, told
    assert told["pgp_relay_replies_total", "accepted"] == 3
    assert told["pgp_relay_notices_total", "refused"] == 1
    assert told["pgp_relay_lookups_total", "found", "keyring"] == 1
    assert told["pgp_relay_lookups_total", "not_found", "keyring"] == 1
    assert told["pgp_relay_encrypt_duration_seconds_count",] == 1
    assert told["pgp_relay_reinject_duration_seconds_count",] == 2
    assert told["pgp_relay_last_encryption_timestamp_seconds",] > told["pgp_relay_start_time_seconds",]
    assert told["pgp_relay_workers_alive",] == told["pgp_relay_ready",] == 1
    await until(lambda: figures(site.metrics)["pgp_relay_messages_in_progress",] == 0)
    await until(lambda: figures(site.metrics)["pgp_relay_certificates", "usable"] == 1)


def test_promtool_has_nothing_against_the_page(site: Site) -> None:
    status, page = ask(site.metrics, "/metrics")
    done = subprocess.run(["promtool", "check", "metrics"], input=page.encode(), capture_output=True, check=False)

    assert (status, done.returncode, done.stdout + done.stderr) == (200, 0, b"")


async def test_a_next_hop_that_is_down_is_told_until_it_is_back(site: Site) -> None:
    assert (await site.send(INSIDE))[0].startswith("451 4.4.1")
    before = figures(site.metrics)
    assert before["pgp_relay_next_hop_up",] == 0
    assert before["pgp_relay_next_hop_failures_total",] == 1
    assert ask(site.metrics, "/readyz") == (503, "next_hop\n")
    assert ask(site.metrics, "/healthz") == (200, "alive\n")

    hop = ScriptedHop()
    await hop.listen(site.hop)
    await site.says("/readyz", 200, "ready")
    await hop.stop()

    assert figures(site.metrics)["pgp_relay_next_hop_up",] == 1


async def test_a_store_that_was_taken_away_and_an_engine_that_cannot_start_are_told_until_they_are_back(
    site: Site,
) -> None:
    store = site.relay.keyring / "store.db"
    gone = [file.rename(file.with_name(f"{file.name}.away")) for file in (store, site.gpg)]
    await site.says("/readyz", 503, "store")
    assert ask(site.metrics, "/healthz") == (200, "alive\n")

    gone[0].rename(store)
    await site.says("/readyz", 503, "engine")

    gone[1].rename(site.gpg)
    await site.says("/readyz", 200, "ready")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /nothing HTTP/1.1", b"404 Not Found"),
        (b"GET /status HTTP/1.1", b"404 Not Found"),
        (b"POST /metrics HTTP/1.1", b"405 Method Not Allowed"),
        (b"DELETE / HTTP/1.0", b"405 Method Not Allowed"),
        (b"GET /metrics HTTP/2", b"400 Bad Request"),
        (b"EHLO there", b"400 Bad Request"),
        (b"GET /metrics HTTP/1.1\r\nHost: twice", b"400 Bad Request"),
        (b"GET /metrics HTTP/1.1\r\nX : kanarienvogel7", b"400 Bad Request"),
        (b"GET /metrics HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", b"400 Bad Request"),
        (b"\x16\x03\x01\x02\x00", b"400 Bad Request"),
        (b"GET /" + b"a" * 2 * MOST_OCTETS + b" HTTP/1.1", b"431 Request Header Fields Too Large"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 2 * MOST_OCTETS, b"431 Request Header Fields Too Large"),
        (b"GET / HTTP/1.1" + b"\r\nX: aaaa" * MOST_OCTETS, b"431 Request Header Fields Too Large"),
    ],
)
def test_what_is_no_question_for_a_page_gets_a_status(site: Site, request_line: bytes, status: bytes) -> None:
    answer = raw(site.metrics, request_line + b"\r\nHost: localhost\r\n\r\n")

    assert answer.split(b"\r\n")[0] in {b"HTTP/1.0 " + status, b"HTTP/1.1 " + status}
    assert (b"Allow: GET, HEAD" in answer) == (status.startswith(b"405"))
    assert answer.partition(b"\r\n\r\n")[2] in {status[4:] + b"\n", b""}, "in our words"


def test_one_request_a_connection_and_nobody_waits_for_its_body(site: Site) -> None:
    asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    for more in (b"\r\n" + asked + b"\r\n", b"Content-Length: 1000000\r\n\r\n" + b"x" * 2 * MOST_OCTETS):
        with Stopwatch() as watch:
            answer = raw(site.metrics, asked + more, says_no_more=False)
        assert answer.count(b"HTTP/1.1 200 OK\r\n") == 1
        assert answer.endswith(b"\r\n\r\nalive\n")
        assert watch.seconds < SECONDS / 2


def test_what_was_asked_stands_in_no_line_of_the_log(site: Site) -> None:
    raw(site.metrics, b"kanarienvogel7 \xff\r\n\r\n")
    raw(site.metrics, b"GET /kanarienvogel7 HTTP/1.1\r\n\r\n")
    assert ask(site.metrics, "/healthz") == (200, "alive\n")
    assert_unheard(site.relay.log.encode(), "the log")


def test_head_is_the_page_without_its_body(site: Site) -> None:
    head, _, body = raw(site.metrics, b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").partition(b"\r\n\r\n")

    assert body == b""
    assert b"Content-Length: 6" in head


def test_who_asks_slowly_or_in_crowds_is_let_go_and_others_are_answered(site: Site) -> None:
    slow = [socket.create_connection(("127.0.0.1", site.metrics), 30) for _ in range(MOST_CONNECTIONS)]
    for connection in slow:
        connection.sendall(b"GET /metr")
    with Stopwatch() as watch, socket.create_connection(("127.0.0.1", site.metrics), 30) as one_more:
        assert left(one_more)
    assert watch.seconds < SECONDS / 2, "it is not served beside so many"
    with Stopwatch() as watch:
        for connection in slow:
            with connection:
                assert left(connection)
    assert watch.seconds < 3 * SECONDS

    assert ask(site.metrics, "/healthz") == (200, "alive\n")


async def test_the_owners_page_is_told_on_a_socket_for_the_owner_alone(site: Site) -> None:
    path = site.relay.keyring / "status.sock"
    answer = ask_socket(path, b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert b"200 OK" in answer
    assert b'"messages": ' in answer
    assert SENDER.encode() not in answer
    assert path.stat().st_mode & 0o777 == 0o600
    assert_unheard(answer, "status")


async def test_sighup_moves_the_place_and_one_that_is_taken_changes_nothing(site: Site) -> None:
    old, new = site.metrics, free_port()
    assert (await site.send(INSIDE))[0].startswith("451 4.4.1")
    messages = figures(old)["pgp_relay_messages_total",]
    assert messages >= 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        site.relay.configure({**site.relay.settings, "metrics": f"127.0.0.1:{port}", "policy": POLICY[:1]})
        site.relay.signal(signal.SIGHUP)
        told = await asyncio.to_thread(site.relay.wait_event, "not_reloaded")
    assert told["faults"] == [f"metrics: 127.0.0.1:{port} cannot be listened on: address already in use"]
    assert figures(old)["pgp_relay_config_last_reload_successful",] == 0

    site.relay.configure({**site.relay.settings, "metrics": f"127.0.0.1:{new}", "policy": POLICY})
    site.relay.signal(signal.SIGHUP)
    await asyncio.to_thread(site.relay.wait_event, "reloaded")

    site.metrics = new
    told_now = figures(new)
    assert told_now["pgp_relay_config_last_reload_successful",] == 1
    assert told_now["pgp_relay_messages_total",] == messages, "figures went on"
    with pytest.raises(ConnectionRefusedError):
        ask(old, "/metrics")


def test_a_place_that_is_taken_is_a_sentence_at_start_and_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Relay({"metrics": f"127.0.0.1:{port}"}) as relay:
            done = relay.run("serve", check=False)

    assert done.returncode == 1
    sentence = f"metrics: 127.0.0.1:{port} cannot be listened on: address already in use"
    assert done.stderr.decode().splitlines()[-1] == sentence


def test_a_relay_that_was_killed_leaves_its_socket_to_the_next() -> None:
    with Relay() as relay:
        relay.start()
        relay.kill()
        assert (relay.keyring / "status.sock").is_socket()
        relay.start()

        assert b"200 OK" in ask_socket(
            relay.keyring / "status.sock", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        relay.stop()
        assert not (relay.keyring / "status.sock").exists()


def raw(port: int, request: bytes, *, says_no_more: bool = True) -> bytes:
    """The answer. It may come, and the connection end, before all of the request is sent or read: with a reset then."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        with contextlib.suppress(OSError):  # it has ended
            if says_no_more:
                connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while more := connection.recv(1 << 16):
                answer += more
    return answer


def left(connection: socket.socket) -> bool:
    """Whether the other side has closed, once it has."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
