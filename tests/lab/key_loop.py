"""The whole circle on real servers: a hospital's gateway, its MX with a milter that verifies DKIM, and its relay.

`gateway` is where its people send from; what leaves comes to `outside`. `mx` takes mail from outside, and what is for
a mailbox comes to `inside`.
"""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.hospital import MX
from lab.key_mails import KEYS, Writer
from lab.opendkim import Dkim
from lab.ports import free_port
from lab.postfix import Postfix
from lab.relay import PROGRAM, Relay
from lab.sink import Sink, Taken
from lab.waiting import wait_for
from lab.way import encrypted_part

DOCTOR, OURS, VILLE = "dr.martin@hopital.example", "postmaster@hopital.example", "ville.example"
POLICY = [{"name": "confidential", "to": [f"*@{VILLE}"], "encrypt": "required", "without_key": "hold"}]
MAIL = "From: <{0}>\r\nTo: {1}\r\nSubject: findings canari\r\nMessage-ID: <{2}@hopital.example>\r\n\r\n{3}\r\n"


@dataclass
class Loop:
    """All of it runs."""

    gateway: Postfix
    mx: Postfix
    relay: Relay
    outside: Sink
    inside: Sink
    dkim: Dkim
    sent: int = 0

    def writer(self, name: str) -> Writer:
        """Somebody outside, who has our certificate."""
        return Writer(f"{name}@{VILLE}", self.relay.run("own", "show", OURS).stdout)

    def writes(self, to: str) -> str:
        """The doctor sends a mail; what stands in it."""
        self.sent += 1
        body = f"Le canari numero {self.sent} est arrive."
        self.gateway.submit(DOCTOR, [to], MAIL.format(DOCTOR, to, f"m{self.sent}", body).encode())
        return body

    def waits(self) -> None:
        """Return when a mail that nobody may read yet is put off: it is listed as held, and a release finds it.

        Its notice leaves before that.
        """
        self.gateway.wait_deferred()

    def mails(self, person: Writer, mail: bytes) -> None:
        """A correspondent's mail, as the own server signs it, arrives at the MX."""
        self.mx.submit(person.address, [KEYS], self.dkim.signed(mail, VILLE))

    def next(self, address: str) -> Taken:
        """The next mail to an address outside, once it is there."""
        mail = wait_for(lambda: self._first(address), f"a mail to {address}", 60)
        self.outside.remove(mail)
        return mail

    def _first(self, address: str) -> Taken | None:
        return next((mail for mail in self.outside.taken if address in mail.recipients), None)

    def json(self, *words: str) -> Any:  # noqa: ANN401  as it is printed
        printed = self.relay.run(*words, "--json").stdout
        return [json.loads(line) for line in printed.splitlines()] if words[0] == "trace" else json.loads(printed)

    def results(self) -> list[str]:
        """What became of each key and answer so far."""
        return [str(event["result"]) for event in self.relay.events if event["event"] == "enrolment"]


def text(mail: Taken) -> str:
    """What people read of a notice or an invitation, without its line ends."""
    parsed = email.message_from_bytes(mail.content, policy=email.policy.default)
    first, *_ = parsed.iter_parts()
    return " ".join(str(first.get_content()).split())


def opened(person: Writer, mail: Taken, key: str = "") -> str:
    """What was encrypted, with this key of the reader."""
    only = ("--try-secret-key", key) if key else ()
    return person.gpg(*only, "--decrypt", data=encrypted_part(mail)).decode()


@contextlib.contextmanager
def key_loop() -> Iterator[Loop]:
    """Start everything, and leave nothing behind."""
    back, listen, again = free_port(), free_port(), free_port()
    settings = {
        "reinject": f"smtp://127.0.0.1:{back}",
        "own": {"domains": ["hopital.example"]},
        "inbound": {
            "listen": [f"lmtp://127.0.0.1:{listen}"],
            "reinject": f"smtp://127.0.0.1:{again}",
            "authserv_id": MX,
        },
        "enrol": {"mail": KEYS, "invite": True},
        "policy": POLICY,
        "notices": {"from": f"Hospital <{OURS}>", "contact": "the IT desk"},
    }
    with contextlib.ExitStack() as stack:
        outside, inside = stack.enter_context(Sink()), stack.enter_context(Sink())
        dkim = stack.enter_context(Dkim(VILLE, authserv_id=MX))
        relay = stack.enter_context(Relay(settings))
        relay.program = (PROGRAM,)
        relay.run("own", "create", "Hospital")
        relay.run("own", "add", KEYS, OURS)
        milter = {"smtpd_milters": dkim.spec, "milter_default_action": "tempfail"}
        gateway = Postfix(relayhost=outside.port, relays=[relay])
        mx = Postfix(relayhost=inside.port, main=milter, relays=[relay])
        stack.callback(gateway.remove)
        stack.callback(mx.remove)
        relay.mail_config = gateway.folder
        relay.run("postfix", "install", "--config-dir", gateway.folder)
        relay.run("postfix", "install", "--config-dir", mx.folder, "--inbound")
        relay.start()
        relay.program = ()
        for mta in (gateway, mx):
            mta.start()
            stack.callback(mta.stop)
        yield Loop(gateway, mx, relay, outside, inside, dkim)
