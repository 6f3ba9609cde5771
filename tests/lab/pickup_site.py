"""A site whose mail without a key is picked up: relay, public service, and a sink where its mail arrives."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from lab import canary
from lab.gnupghome import stop_agent
from lab.ports import free_port
from lab.public import WebPublic
from lab.relay import Relay
from lab.sink import Sink

DOCTOR, PATIENT = "dr.martin@hopital.example", "lefevre@ville.example"


@dataclass
class Site:
    relay: Relay
    web: WebPublic
    sink: Sink
    """All that leaves, and notices."""
    mailbox: Sink
    """Where incoming mail arrives."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.http}"

    def send(self, content: bytes, *recipients: str, sender: str = DOCTOR) -> list[int]:
        """The codes of the relay's answers."""
        canary.sent(content)
        codes = []
        with smtplib.LMTP("127.0.0.1", self.relay.port, timeout=60) as client:
            client.ehlo()
            client.mail(sender)
            for one in recipients or (PATIENT,):
                client.rcpt(one)
            codes.append(client.data(content)[0])
            codes += [client.getreply()[0] for _ in recipients[1:]]
        return codes

    def letter(self, to: str) -> EmailMessage:
        """The last mail to this address."""
        found = [mail.content for mail in self.sink.taken if to in mail.recipients]
        return message_from_bytes(found[-1], policy=policy.default)

    def link(self, to: str = PATIENT) -> str:
        found = re.search(rf"{self.url}/m/[0-9a-f]+", text(self.letter(to)))
        assert found
        return found[0]

    def code(self) -> str:
        """As the doctor was told it."""
        found = re.findall(r"^ +([a-z]+(?:-[a-z]+){5})$", text(self.letter(DOCTOR)), re.MULTILINE)
        return str(found[-1])


def text(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r", "")


@contextmanager
def pickup_site(
    settings: Mapping[str, Any] = {}, pickup: Mapping[str, Any] = {}, web: Mapping[str, Any] = {}
) -> Iterator[Site]:
    """Running; `dr.martin` is an own address. `web`: settings of the public service."""
    shown = {"pickup": {"organisation": "Hôpital Exemple"}}
    with Sink() as sink, Sink() as mailbox, WebPublic(web, shown) as service, Relay() as relay:
        relay.configure(
            {
                **relay.settings,
                "reinject": f"smtp://127.0.0.1:{sink.port}",
                "own": {"domains": ["hopital.example"]},
                "notices": {"from": "Hôpital Exemple <messagerie@hopital.example>", "language": "fr"},
                "policy": [{"name": "everyone", "encrypt": "required", "without_key": "pickup"}],
                "inbound": {
                    "listen": [f"lmtp://127.0.0.1:{free_port()}"],
                    "reinject": f"smtp://127.0.0.1:{mailbox.port}",
                },
                "web": {"channel": f"unix:{service.socket}"},
                "pickup": {"url": f"http://127.0.0.1:{service.http}", "phrase": "Le chat dort", **pickup},
                **settings,
            }
        )
        relay.run("own", "create", "Hôpital Exemple")
        relay.run("own", "add", "--unlisted", DOCTOR)
        service.start()
        relay.start()
        try:
            yield Site(relay, service, sink, mailbox)
        finally:
            stop_agent(relay.keyring)
