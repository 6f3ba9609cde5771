"""The pipeline of outgoing mail with everything around it in memory."""

from __future__ import annotations

import os
from datetime import timedelta

from lab.fakes import FakeEngine, FakeLedger, FakeLookups, FakeOutlet, FakeTrail
from relay.mail.notice import Kind, Notices, Template, Wording
from relay.mail.notice_texts import Language
from relay.model import Inbound, Lookup, Mailbox
from relay.pipeline.audit import Audit
from relay.pipeline.author import Authors
from relay.pipeline.decide import Decider
from relay.pipeline.deliver import Deliverer
from relay.pipeline.encrypt import Encryptor
from relay.pipeline.encrypt_all import BatchEncryptor
from relay.pipeline.ledger import BufferedLedger
from relay.pipeline.next_hop import NextHop
from relay.pipeline.notify import Notifier
from relay.pipeline.opened import NO_CHECK, OpenedCheck
from relay.pipeline.outgoing import Pipeline
from relay.pipeline.own_notices import OwnNotices
from relay.pipeline.receive import Receiver
from relay.pipeline.transaction_lock import TransactionLocks
from relay.policy import Rule

TEXT = "Not sent\n\n$recipients\n"
NOTICES = Notices(
    dict.fromkeys(Kind, Wording(Template(TEXT), Template(TEXT))),
    Language.EN,
    Mailbox.parse("postmaster@here.example"),
    None,
    "relay.example",
    timedelta(days=5),
)


class Bench:
    """A pipeline and its surroundings."""

    def __init__(
        self,
        *rules: Rule,
        answers: dict[str, Lookup] | None = None,
        shadow: bool = False,
        longest: float = 660.0,
        opened: OpenedCheck = NO_CHECK,
        authors: Authors | None = None,
    ) -> None:
        self.authors = authors or Authors(lambda _sender: "F" * 40)
        self.opened = opened
        self.own_notices: OwnNotices | None = None
        self.longest = longest
        self.lookups = FakeLookups(answers or {})
        self.engine = FakeEngine()
        self.outlet = FakeOutlet()
        self.ledger = FakeLedger()
        self.trail = FakeTrail()
        self.rules = rules
        self.shadow = shadow
        self.restart()

    def restart(self) -> None:
        ledger, audit = BufferedLedger(self.ledger, TransactionLocks(os.memfd_create("turns"))), Audit(self.trail)
        hop = NextHop(self.outlet, self.longest)
        self.pipeline = Pipeline(
            Receiver(ledger, audit),
            Decider(self.rules, self.lookups, opened=self.opened, own_notices=self.own_notices),
            BatchEncryptor(Encryptor(self.engine, "relay.example")),
            Deliverer(hop),
            Notifier(NOTICES, hop),
            audit,
            authors=self.authors,
            shadow=self.shadow,
        )

    async def run(self, message: Inbound, *, delivered: bool = True, awaited: bool = True) -> list[int]:
        attempt = self.pipeline.begin(message)
        told = await attempt.replies(lambda: awaited)
        await attempt.settle(delivered=delivered)
        return [reply.code for reply in told]

    def notices(self) -> list[bytes]:
        return [content for envelope, content in self.outlet.sent if envelope.sender is None]

    def mails(self) -> list[tuple[list[str], bytes]]:
        return [([r.address.text for r in e.recipients], c) for e, c in self.outlet.sent if e.sender is not None]
