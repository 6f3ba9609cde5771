"""A Postfix that has Amavis as its content filter already: the real one looks into mail first, then the relay encrypts.

The lines for Amavis are those of its documentation (README.postfix). The command that chains the two is the one that
`postfix install` advises.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.amavis import Amavis
from lab.ports import free_port
from lab.postfix import Postfix
from lab.postfixfolder import state
from lab.readers import read_sequoia
from lab.relay import PROGRAM, Relay
from lab.sink import Sink
from lab.waiting import wait_for
from lab.way import Way, encrypted_part

pytestmark = pytest.mark.waits

SENDER, KNOWN, UNKNOWN = "dr@front.example", "bob@known.example", "ann@ville.example"
SERVICES = """smtp-amavis unix - - n - 2 smtp
    -o smtp_data_done_timeout=1200
    -o smtp_send_xforward_command=yes
    -o smtp_tls_security_level=none
127.0.0.1:{port} inet n - n - - smtpd
    -o content_filter=
    -o smtpd_delay_reject=no
    -o smtpd_client_restrictions=permit_mynetworks,reject
    -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions=
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
    -o smtpd_relay_restrictions=permit_mynetworks,reject
    -o mynetworks_style=host
    -o mynetworks=127.0.0.0/8
    -o strict_rfc821_envelopes=yes
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
    -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters
"""


class House(Way):
    """The way, with a filter before the relay."""

    amavis: Amavis
    returning: str
    before: dict[str, tuple[bytes, int, int, int]]
    advised: str


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    back, port = free_port(), free_port()
    with Sink() as sink, Amavis(port) as amavis, Relay({"reinject": f"smtp://127.0.0.1:{back}"}) as relay:
        relay.program = (PROGRAM,)
        first = {"content_filter": f"smtp-amavis:[127.0.0.1]:{amavis.port}"}
        mta = Postfix(relayhost=sink.port, main=first, relays=[relay])
        relay.mail_config = mta.folder
        with (mta.folder / "master.cf").open("a") as file:
            file.write(SERVICES.format(port=port))
        made = House(mta, relay, sink)
        made.amavis, made.returning, made.before = amavis, f"127.0.0.1:{port}", state(mta.folder)
        try:
            refused = relay.run("postfix", "install", "--config-dir", mta.folder, check=False)
            assert refused.returncode == 1
            assert state(mta.folder) == made.before
            made.advised = refused.stderr.decode().partition("pgp-relay ")[2].strip()
            relay.run(*shlex.split(made.advised), "--config-dir", mta.folder)
            relay.start()
            mta.start()
            yield made
        finally:
            mta.stop()
            mta.remove()


def letter(to: str, name: str = "scan.pdf") -> bytes:
    return (
        f"From: <{SENDER}>\r\nTo: <{to}>\r\nSubject: canary\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nthe clear body\r\n"
        f"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename={name}\r\n\r\n"
        "MZ\r\n--b--\r\n"
    ).encode()


def test_install_says_what_comes_first_and_names_the_command_that_chains_the_two(house: House) -> None:
    assert house.advised == f"postfix install --behind {house.returning}"


def test_what_amavis_passes_is_encrypted_or_in_clear_and_comes_once(house: House) -> None:
    key = house.know(KNOWN)[KNOWN]
    house.sink.forget()
    house.mta.submit(SENDER, [KNOWN], letter(KNOWN))
    (mail,) = house.mails(1)
    opened = read_sequoia(encrypted_part(mail), key.secret, None)
    assert b"the clear body" in opened
    assert mail.header.count(f"(amavis, port {house.amavis.port})") == 1

    house.sink.forget()
    house.mta.submit(SENDER, [UNKNOWN], letter(UNKNOWN))
    (mail,) = house.mails(1)
    assert b"the clear body" in mail.body
    assert mail.header.count(f"(amavis, port {house.amavis.port})") == 1
    assert [row["action"] for row in house.relay.trace("--to", UNKNOWN)] == ["clear"]


def test_what_amavis_blocks_never_meets_the_relay(house: House) -> None:
    rows = len(house.relay.trace())
    house.sink.forget()
    house.mta.submit(SENDER, [KNOWN], letter(KNOWN, "virus.exe"))
    house.mta.wait_empty()
    assert house.sink.taken == []
    wait_for(lambda: "Blocked BANNED" in house.amavis.log, "Amavis says so")
    assert len(house.relay.trace()) == rows


def test_no_probe_passes_the_relay_by_and_check_says_where_mail_is_led(house: House) -> None:
    done = house.relay.run("postfix", "check-path", "--config-dir", house.mta.folder, "--json", check=False)
    probes = json.loads(done.stdout)
    assert {probe["way"] for probe in probes} >= {f"smtp 127.0.0.1:{house.mta.port}", "sendmail"}
    assert {probe["outcome"] for probe in probes} == {"met"}, probes
    found = {look["name"]: look for look in json.loads(house.relay.run("check", "--json", check=False).stdout)}
    assert (found["postfix"]["ok"], found["postfix"]["message"]) == (
        True,
        f"leads mail to pgp-relay:[127.0.0.1]:{house.relay.port}",
    )


def test_twice_is_the_same_as_once_and_uninstall_leaves_every_byte_as_it_was(house: House) -> None:
    def run(*words: str) -> Path:
        house.relay.run(*words, "--config-dir", house.mta.folder)
        return house.mta.folder

    installed = state(house.mta.folder)
    assert state(run(*shlex.split(house.advised))) == installed
    assert {name: facts[0] for name, facts in state(run("postfix", "uninstall")).items()} == {
        name: facts[0] for name, facts in house.before.items()
    }
    assert state(run(*shlex.split(house.advised)))["master.cf"][0] == installed["master.cf"][0]
