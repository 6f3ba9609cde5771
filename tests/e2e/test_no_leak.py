"""Mail from outside is decrypted for its recipient, and nothing of it leaves in cleartext again: real servers.

Postfix with an MX (a milter that verifies before the relay, one that scans behind it), the relay on both ways
(`install --egress` and `install --inbound`), Dovecot with quotas and Sieve. The policy encrypts nothing by itself:
whatever leaves encrypted does so because it was decrypted here.
"""

from __future__ import annotations

import email
import email.policy
import json
import pwd
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pysequoia
import pytest
from lab.canary import WORD, sent
from lab.certificates import Keypair, make_keypair
from lab.dovecot import OWNER, Dovecot
from lab.gnupghome import stop_agent
from lab.milter import Milter
from lab.ports import free_port
from lab.postfix import Postfix
from lab.readers import READERS
from lab.relay import Relay
from lab.sink import Sink, Taken
from lab.way import encrypted_part, way

from relay.mail import headers, pgpmime
from relay.mail.armor import dearmor
from relay.mail.hidden_recipients import NOBODY

pytestmark = pytest.mark.waits

BOB = "bob@example.org"
KNOWN = "known@example.net"
UNKNOWN = "unknown@example.com"
MX = "front.example"
USER = pwd.getpwnam(OWNER)
BOXES = ("dr", "full", "away", "moved", "tight", "news")
OWN = (*BOXES, USER.pw_name, "team", "list")
VERIFIED = f"{MX}; dkim=pass header.d=example.org"
FORGED = (
    f"Authentication-Results: {MX}; dkim=pass header.d=forged.example",
    f"AUTHENTICATION-RESULTS:\r\n {MX.upper()} (comment);\r\n dmarc=pass header.from=forged.example",
)
INFECTED = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE"
LIST_PROGRAM = """#!{python}
import smtplib, sys
lines = [line for line in sys.stdin.buffer.read().splitlines() if not line.lower().startswith((b"x-", b"from "))]
mail = b"\\r\\n".join([b"List-Id: <list.hopital.example>", *lines, b""])
with smtplib.SMTP("127.0.0.1", {port}) as client:
    client.sendmail("news@hopital.example", ["{known}", "{unknown}"], mail)
"""
VACATION = 'require ["vacation"];\nvacation :days 1 "I am away.";\n'
REDIRECT = f'require ["copy"];\nredirect :copy "{KNOWN}";\nredirect :copy "{UNKNOWN}";\n'


@dataclass
class House:
    """All that runs."""

    mta: Postfix
    relay: Relay
    sink: Sink
    boxes: Dovecot
    scanner: Milter
    known: Keypair
    certificates: dict[str, pysequoia.Cert]

    def receive(self, name: str, *more: str, body: str = "") -> list[Taken]:
        """A mail from Bob, encrypted for this address, comes in; what leaves the house, once nothing waits."""
        self.sink.forget()
        word = WORD.decode()
        number = f"{name}-{time.monotonic_ns()}"
        payload = (
            f'Content-Type: text/plain; charset=utf-8; protected-headers="v1"\r\nFrom: {BOB}\r\n'
            f"Subject: {word} subject of {number}\r\n\r\n{word} body of {number}\r\n{body}\r\n"
        ).encode()
        sent(payload)
        header = (
            *(
                f"From: Bob <{BOB}>",
                f"To: {name}@hopital.example",
                "Subject: [...]",
                f"Message-ID: <{number}@example.org>",
            ),
            *more,
        )
        armored = bytes(pysequoia.encrypt(recipients=[self.certificates[name]], bytes=payload))
        outside = headers.split("".join(f"{line}\r\n" for line in (*header, "")).encode())
        content = pgpmime.encrypted(outside, dearmor(armored)[0].data, NOBODY, received=b"", protect_subject=True)
        self.mta.submit(BOB, [f"{name}@hopital.example"], content)
        self.mta.wait_empty()
        return self.settled()

    def settled(self) -> list[Taken]:
        """What has left; nothing of what was decrypted stands in it, in whatever encoding."""
        for mail in self.sink.taken:
            parsed = email.message_from_bytes(mail.content, policy=email.policy.compat32)
            shown = [mail.content, *(part.get_payload(decode=True) or b"" for part in parsed.walk())]
            assert not any(WORD in octets for octets in shown), mail.content
        return self.sink.taken

    def reads(self, mail: Taken) -> bytes:
        """What the correspondent with a key reads of it."""
        return READERS["sequoia"](encrypted_part(mail), self.known.secret, None)

    def rules(self, recipient: str) -> list[tuple[str, str]]:
        """How the relay decided on outgoing mail to this address."""
        lines = self.relay.trace("--out", "--to", recipient)
        return [(line["action"], line["rule"]) for line in lines]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    folder = Path(mkdtemp(prefix="pr", dir="/tmp"))
    folder.chmod(0o755)
    back, listen, again = free_port(), free_port(), free_port()
    settings = {
        "reinject": f"smtp://127.0.0.1:{back}",
        "policy": [{"name": "all", "encrypt": "never"}],
        "own": {"domains": ["hopital.example"]},
        "inbound": {
            "listen": [f"lmtp://127.0.0.1:{listen}"],
            "reinject": f"smtp://127.0.0.1:{again}",
            "authserv_id": MX,
        },
    }
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        sink = stack.enter_context(Sink())
        verifier = stack.enter_context(Milter(field=("Authentication-Results", VERIFIED)))
        scanner = stack.enter_context(Milter(word=INFECTED.encode()))
        relay = stack.enter_context(Relay(settings))
        relay.run("own", "create", "Hôpital Exemple")
        relay.run("own", "add", *(f"{name}@hopital.example" for name in OWN))
        stack.callback(stop_agent, relay.keyring)
        mta = Postfix(relayhost=sink.port, main=_main(folder, verifier, scanner), relays=[relay])
        stack.callback(mta.remove)
        boxes = Dovecot(
            BOXES, submission=mta.port, quota={"full": 10, "tight": 10}, sieve={"away": VACATION, "moved": REDIRECT}
        )
        stack.enter_context(boxes)
        mta.command("postconf", "-e", f"mailbox_transport=lmtp:inet:127.0.0.1:{boxes.port}")
        _tables(folder, mta.port)
        for direction in ("--egress", "--inbound"):
            relay.run("postfix", "install", "--config-dir", mta.folder, direction)
        relay.start()
        known = make_keypair(f"<{KNOWN}>")
        relay.run("keys", "import", "-", content=known.public)
        mta.start()
        stack.callback(mta.stop)
        certificates = {
            name: pysequoia.Cert.from_bytes(relay.run("own", "show", f"{name}@hopital.example").stdout) for name in OWN
        }
        yield House(mta, relay, sink, boxes, scanner, known, certificates)


def _main(folder: Path, verifier: Milter, scanner: Milter) -> dict[str, str]:
    return {
        "mydestination": "hopital.example",
        "local_recipient_maps": f"texthash:{folder}/users $alias_maps",
        "alias_maps": f"texthash:{folder}/aliases",
        "forward_path": f"{folder}/forward-${{user}}",
        "smtpd_milters": verifier.spec,
        "pgp_relay_inbound_milters": scanner.spec,
        "milter_default_action": "tempfail",
    }


def _tables(folder: Path, port: int) -> None:
    (folder / "users").write_text("".join(f"{name} x\n" for name in (*BOXES, USER.pw_name)))
    program = folder / "list.py"
    program.write_text(LIST_PROGRAM.format(python=sys.executable, port=port, known=KNOWN, unknown=UNKNOWN))
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    (folder / "aliases").write_text(f'team dr, {KNOWN}, {UNKNOWN}\nlist "|{program}"\npostmaster news\n')
    forward = folder / f"forward-{USER.pw_name}"
    forward.write_text(f"{KNOWN}\n{UNKNOWN}\n")
    shutil.chown(forward, USER.pw_name)


def is_notice_to_bob(mail: Taken) -> bool:
    """A delivery status from the null sender."""
    return mail.sender == "" and list(mail.recipients) == [BOB] and b"message/delivery-status" in mail.content


def test_it_is_read_in_the_mailbox_and_forged_results_are_gone(house: House) -> None:
    assert house.receive("dr", *FORGED) == []
    (mail,) = house.boxes.take("dr")
    head = headers.split(mail)
    results = [field.value for field in headers.all(head, "authentication-results")]
    (mark,) = headers.all(head, "x-pgp-relay")
    assert results == [VERIFIED]
    assert mark.value.startswith("encryption=decrypted; ")
    assert WORD in mail.partition(b"\n\n")[2]
    assert WORD in house.scanner.bodies[-1]
    assert b"Return-Path: <postmaster+" in mail
    assert BOB.encode() not in mail.partition(b"\n")[0]


def test_the_scanner_behind_the_relay_refuses_what_was_hidden_by_encryption(house: House) -> None:
    (bounce,) = house.receive("dr", body=INFECTED)
    assert is_notice_to_bob(bounce)
    assert house.boxes.take("dr") == []


@pytest.mark.parametrize("name", ["full", "tight"])
def test_a_full_mailbox_is_told_to_the_sender_without_what_was_inside(house: House, name: str) -> None:
    (notice,) = house.receive(name)
    assert is_notice_to_bob(notice)
    assert f"Final-Recipient: rfc822; {name}@hopital.example".encode() in notice.content
    assert b"Status: 5.2.2" in notice.content
    assert house.rules(BOB)[-1] == ("clear", "(own notice)")
    assert house.boxes.take(name) == []


@pytest.mark.parametrize("name", [USER.pw_name, "team", "moved"])
def test_what_is_sent_on_leaves_encrypted_or_not_at_all(house: House, name: str) -> None:
    """A `.forward`, an alias with members outside, a redirection of Sieve."""
    mails = house.receive(name)
    (encrypted,) = [mail for mail in mails if list(mail.recipients) == [KNOWN]]
    assert WORD in house.reads(encrypted)
    (notice,) = [mail for mail in mails if mail is not encrypted]
    assert is_notice_to_bob(notice)
    assert house.rules(KNOWN)[-1] == ("encrypt", "(opened)")
    assert house.rules(UNKNOWN)[-1] == ("refuse", "(opened)")


def test_a_mailing_list_that_takes_our_mark_away_sends_it_on_encrypted_or_not_at_all(house: House) -> None:
    (encrypted,) = house.receive("list")
    assert list(encrypted.recipients) == [KNOWN]
    assert WORD in house.reads(encrypted)
    assert house.rules(UNKNOWN)[-1] == ("refuse", "(opened)")
    assert len(house.boxes.take("news")) == 1  # Postfix tells the list


def test_an_automatic_answer_does_not_leave(house: House) -> None:
    assert house.receive("away") == []
    assert len(house.boxes.take("away")) == 1
    assert house.relay.wait_event("return_ignored")


def test_a_forged_return_path_does_nothing(house: House) -> None:
    house.sink.forget()
    bounce = b"From: MAILER-DAEMON@example.org\r\nSubject: failure notice\r\n\r\nno\r\n"
    house.mta.submit("", [f"postmaster+{'a' * 26}@hopital.example"], bounce)
    house.mta.wait_empty()
    assert house.settled() == []
    assert house.boxes.take("news") == []


def test_check_path_shows_that_forged_results_do_not_survive(house: House) -> None:
    words = ("postfix", "check-path", "--inbound", "--json", "--config-dir", house.mta.folder)
    (probed,) = json.loads(house.relay.run(*words, "dr@hopital.example").stdout)
    assert (probed["outcome"], probed["seen"]) == ("met", ["dr@hopital.example"])
    assert house.boxes.take("dr") == []
    outgoing = json.loads(house.relay.run(*(word for word in words if word != "--inbound"), check=False).stdout)
    outside = [each["outcome"] for each in outgoing if each["kind"] == "outside" and each["way"] != "sendmail"]
    assert outside == ["met"]


def test_uninstalled_postfix_is_what_it_was(house: House) -> None:
    """Last: `install` has edited the files of a running Postfix."""
    both = {file: file.read_bytes() for file in (house.mta.folder / "main.cf", house.mta.folder / "master.cf")}
    for direction in ((), ("--inbound",)):
        house.relay.run("postfix", "uninstall", "--config-dir", house.mta.folder, *direction)
    assert not any(b"pgp-relay" in file.read_bytes().replace(b"pgp_relay_inbound_milters", b"") for file in both)
    for file, octets in both.items():
        file.write_bytes(octets)


def test_with_the_plain_filter_what_our_own_clients_send_through_the_mx_is_encrypted_all_the_same() -> None:
    """The MX hands everything to the incoming side, which gives mail for other hosts to the outgoing one."""
    listen, again = free_port(), free_port()
    settings = {
        "own": {"domains": ["hopital.example"]},
        "inbound": {"listen": [f"lmtp://127.0.0.1:{listen}"], "reinject": f"smtp://127.0.0.1:{again}"},
    }
    with way(settings) as made:
        made.know(KNOWN)
        made.relay.run("postfix", "install", "--inbound", "--config-dir", made.mta.folder)
        made.mta.reload()
        mail = f"From: doctor@front.example\r\nTo: {KNOWN}\r\nSubject: {WORD.decode()}\r\n\r\n{WORD.decode()}\r\n"
        made.mta.submit("doctor@front.example", [KNOWN], mail.encode())
        (left,) = made.mails(1)
        assert WORD not in left.content
        assert encrypted_part(left)
