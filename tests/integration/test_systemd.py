"""What the service manager hears of the real process, on a socket such as systemd makes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab.relay import PROGRAM, Relay
from lab.waiting import wait_for

PATIENCE = 100
"""Seconds for a word: a busy machine takes half a minute to load the program and its workers."""


class Manager:
    """A service manager's ear."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(PATIENCE)

    def next(self) -> list[str]:
        return self.socket.recv(4096).decode().split("\n")

    def wait(self, word: str) -> list[str]:
        while word not in (lines := self.next()):
            pass
        return lines


@contextmanager
def manager(address: str) -> Iterator[Manager]:
    made = Manager(address)
    with made.socket:
        yield made


@contextmanager
def serving(relay: Relay, address: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    with (relay.folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [PROGRAM, "-c", relay.file, "serve"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "NOTIFY_SOCKET": address, **more},
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # its workers, and a gpg that it has just called, end before the folder goes
        process.wait(40)


@pytest.fixture(params=[1, 2], ids=["alone", "workers"])
def relay(request: pytest.FixtureRequest) -> Iterator[Relay]:
    with Relay({"workers": request.param}) as made:
        yield made


alone = pytest.mark.parametrize("relay", [1], indirect=True)


def connects(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        return connection.recv(3) == b"220"


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_ready_is_told_once_it_listens_and_stopping_when_it_is_told_to_stop(relay: Relay, kind: str) -> None:
    address = str(relay.folder / "notify") if kind == "path" else f"@pgp-relay-test-{os.getpid()}"
    with manager(address) as heard, serving(relay, address) as process:
        assert heard.next() == ["READY=1"]
        assert connects(relay.port)

        process.send_signal(signal.SIGTERM)

        assert heard.next() == ["STOPPING=1"]
        assert process.wait(30) == 0


@pytest.mark.parametrize(("settings", "told"), [({}, "reloaded"), ({"listen": "nonsense"}, "not_reloaded")])
def test_a_reload_begins_and_ends_also_with_a_wrong_configuration(
    relay: Relay, settings: dict[str, str], told: str
) -> None:
    address = str(relay.folder / "notify")
    with manager(address) as heard, serving(relay, address) as process:
        heard.wait("READY=1")
        relay.configure({**relay.settings, **settings})

        process.send_signal(signal.SIGHUP)

        first, clock = heard.next()
        assert first == "RELOADING=1"
        assert clock.removeprefix("MONOTONIC_USEC=").isdecimal()
        assert heard.next() == ["READY=1"]
        assert relay.wait_event(told)


def test_the_watchdog_hears_the_serving_process_and_misses_one_that_stands_still(relay: Relay) -> None:
    address = str(relay.folder / "notify")
    with manager(address) as heard, serving(relay, address, WATCHDOG_USEC="200000") as process:
        for _ in range(3):
            heard.wait("WATCHDOG=1")

        process.send_signal(signal.SIGSTOP)
        state = Path(f"/proc/{process.pid}/stat")
        wait_for(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "stopped")
        heard.socket.settimeout(0.4)
        with pytest.raises(TimeoutError):
            heard.wait("silence")  # what was on its way comes first
        process.send_signal(signal.SIGCONT)
        heard.socket.settimeout(PATIENCE)
        heard.wait("WATCHDOG=1")


@alone
def test_a_watchdog_of_another_process_is_not_ours(relay: Relay) -> None:
    address = str(relay.folder / "notify")
    with manager(address) as heard, serving(relay, address, WATCHDOG_USEC="1000", WATCHDOG_PID="1") as process:
        heard.wait("READY=1")
        process.send_signal(signal.SIGTERM)

        assert heard.next() == ["STOPPING=1"]


@alone
def test_a_manager_that_is_gone_does_not_end_the_relay(relay: Relay) -> None:
    with serving(relay, str(relay.folder / "nobody")) as process:
        relay.wait_event("failed", PATIENCE)

        assert connects(relay.port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize("read_by_the_journal", [True, False])
def test_lines_have_a_priority_where_the_journal_reads_them_and_nowhere_else(
    relay: Relay, read_by_the_journal: bool
) -> None:
    log = relay.folder / "log"
    log.touch()
    place = log.stat()
    stream = f"{place.st_dev}:{place.st_ino + (not read_by_the_journal)}"
    with serving(relay, str(relay.folder / "nobody"), JOURNAL_STREAM=stream):
        wait_for(lambda: '"ready"' in relay.log and '"failed"' in relay.log, "ready, with nobody to tell", PATIENCE)

    levels = {"info": "<6>{", "error": "<3>{", "debug": "<7>{"} if read_by_the_journal else {}
    for line in relay.log.splitlines():
        level = json.loads(line[line.index("{") :])["level"]
        assert line.startswith(levels.get(level, "{")), line
