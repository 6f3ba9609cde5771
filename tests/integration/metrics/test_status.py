"""`pgp-relay status` beside a relay that serves, one that is in trouble, one that was killed, and none."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from lab.canary import sent
from lab.known import KNOWN, Known
from lab.ports import free_port
from lab.relay import PROGRAM, Relay
from lab.sink import Sink
from lab.waiting import wait_for

SENDER = "dr.martin@hopital.example"
NOTHING = "no relay runs with this configuration: start it (pgp-relay serve, systemctl start pgp-relay)\n"
NUMBERS = count(1)


@dataclass
class Site:
    relay: Relay
    sink: Sink

    def send(self, recipient: str = KNOWN) -> int:
        content = f"From: {SENDER}\r\nSubject: kanarienvogel7 {next(NUMBERS)}\r\n\r\nkanarienvogel7\r\n".encode()
        sent(content)
        with smtplib.LMTP("127.0.0.1", self.relay.port, timeout=30) as client:
            client.ehlo_or_helo_if_needed()
            client.mail(SENDER)
            client.rcpt(recipient)
            return client.data(content)[0]

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.relay.run("status", "--json", check=False).stdout)
        return told

    def start(self) -> None:
        """Start the relay; once it has looked whether all works."""
        self.relay.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        wait_for(lambda: self.status()["ready"], "it is ready")


@pytest.fixture(scope="module")
def site(known: Known) -> Iterator[Site]:
    person = known.person
    made = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    ending = person.new_key("Soon <soon@ville.example>", created=made, expires="10d")
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}"}) as relay:
        relay.run("keys", "import", "-", content=person.export(*known.fingerprints, ending))
        made_site = Site(relay, sink)
        made_site.start()
        yield made_site


def test_it_tells_what_runs_and_what_it_did(site: Site) -> None:
    assert site.send() == 250

    def settled() -> dict[str, Any] | None:
        told = site.status()
        return told if told["certificates"]["usable"] and not told["in_progress"] else None

    told = wait_for(settled, "keys are counted, and the mail is done with")

    assert (told["ready"], told["messages"], told["replies"]["accepted"]) == (True, 1, 1)
    assert (told["workers"]["alive"], told["in_progress"], told["troubles"]) == (1, 0, [])
    assert told["started"] <= told["last_encryption"]
    assert told["certificates"] == {"usable": 1, "expiring": 1, "unusable": 0, "proposed": 0}
    (ending,) = told["expiring"]
    assert ending["addresses"] == ["soon@ville.example"]


def test_for_people_it_is_a_few_lines(site: Site) -> None:
    done = site.relay.run("status")

    shown = done.stdout.decode()
    assert [line.split()[0] for line in shown.splitlines()] == ["relay", "now", "so", "encrypted", "keys", "expiring"]
    assert "soon@ville.example" in shown
    assert shown.startswith("relay      ready, running since ")


def test_what_went_wrong_last_is_told_once_with_its_number_and_status_1(site: Site) -> None:
    port = free_port()
    was = site.relay.settings
    site.relay.configure({**was, "reinject": f"smtp://127.0.0.1:{port}"})
    site.relay.stop()
    site.start()
    try:
        assert [site.send() for _ in range(3)] == [451, 451, 451]

        done = site.relay.run("status", check=False)
    finally:
        site.relay.stop()
        site.relay.configure(was)
        site.start()

    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith(
        "relay      not ready: the next hop does not answer: start it, or see reinject (running "
    )
    (trouble,) = [line for line in lines if line.startswith("trouble")]
    assert "the next hop takes no mail: no connection: Connection refused (3 times)" in trouble
    assert "@" not in trouble


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may ask another user's relay")
def test_root_asks_another_users_relay(site: Site) -> None:
    os.chown(site.relay.keyring, 65534, -1)
    try:
        told = wait_for(lambda: (told := site.status())["expiring"] and told, "keys are counted")
    finally:
        os.chown(site.relay.keyring, 0, -1)
    assert [key["addresses"] for key in told["expiring"]] == [["soon@ville.example"]]
    assert told["lacks"] in {"", "keyring"}, "it runs as root still, and may have seen that its keyring is another's"
    site.wait_ready()


def test_a_configuration_that_is_wrong_on_disk_was_told_in_place_of_the_relay_that_runs(site: Site) -> None:
    was = site.relay.file.read_text()
    fine = site.status()
    assert (fine["configuration"], fine["faults"], fine["config"]) == ("current", [], str(site.relay.file))
    try:
        for wrong in (f"{was}polcy: []\n", was.replace("policy:", "policy: [")):
            site.relay.file.write_text(wrong)
            done = site.relay.run("status", check=False)
            assert done.returncode == 2
            lines = done.stdout.decode().splitlines()
            assert lines[0].startswith("relay      ready, running since ")
            assert lines[1].startswith(f"config     wrong on disk, and not in use: {site.relay.file}:")
            assert site.status()["configuration"] == "wrong"
        site.relay.file.write_text(f"{was}# another\n")
        changed = site.relay.run("status")
        assert "config     changed since the relay read it: systemctl reload pgp-relay" in changed.stdout.decode()
        site.relay.signal(signal.SIGHUP)
        wait_for(lambda: site.status()["configuration"] == "current", "it was read")
    finally:
        site.relay.file.write_text(was)
        site.relay.signal(signal.SIGHUP)
    wait_for(lambda: site.status()["configuration"] == "current", "it was read")


def test_watched_it_tells_again_every_second_until_the_relay_is_gone(site: Site) -> None:
    command: list[str | Path] = [PROGRAM, "-c", site.relay.file, "status", "--watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        assert watching.stdout
        first, second = (json.loads(watching.stdout.readline()) for _ in range(2))
        site.relay.stop()
        _, complaint = watching.communicate(timeout=60)
    site.start()

    assert first["started"] == second["started"]
    assert (watching.returncode, complaint.decode()) == (1, NOTHING)


def test_where_nothing_runs_it_says_so_and_makes_nothing() -> None:
    with Relay() as relay:
        done = relay.run("status", check=False)

        assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", NOTHING)
        assert not relay.keyring.exists()


def test_where_nothing_runs_json_was_no_json() -> None:
    with Relay() as relay:
        done = relay.run("status", "--json", check=False)

    assert (done.returncode, done.stderr.decode()) == (1, NOTHING)
    assert json.loads(done.stdout) == {"ready": False, "config": str(relay.file), "faults": []}


def test_a_socket_that_was_left_by_a_killed_relay_is_no_relay() -> None:
    with Relay() as relay:
        relay.start()
        relay.kill()

        done = relay.run("status", check=False)

    assert (done.returncode, done.stderr.decode()) == (1, NOTHING)


def test_something_else_behind_the_socket_is_a_sentence() -> None:
    with Relay() as relay, socket.socket(socket.AF_UNIX) as other:
        relay.keyring.mkdir(mode=0o700)
        other.bind(str(relay.keyring / "status.sock"))
        other.listen()

        def answer() -> None:
            with other.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        done = relay.run("status", check=False)
        answering.join()

    assert done.returncode == 1
    assert done.stderr == b"what answers is no relay of this version: restart it after an upgrade\n"


def test_a_relay_that_ends_while_it_is_asked_is_no_relay() -> None:
    """What closed without a word was taken for another version."""
    with Relay() as relay, socket.socket(socket.AF_UNIX) as ending:
        relay.keyring.mkdir(mode=0o700)
        ending.bind(str(relay.keyring / "status.sock"))
        ending.listen()
        ending.settimeout(30)

        def end() -> None:
            for _ in range(2):
                ending.accept()[0].close()  # its question is not read: a reset
            with ending.accept()[0] as connection:
                connection.recv(1000)
                (relay.keyring / "status.sock").unlink()  # before it closes: whoever asks again then finds nothing

        answering = threading.Thread(target=end)
        answering.start()
        done = relay.run("status", check=False)
        answering.join()

    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", NOTHING)
