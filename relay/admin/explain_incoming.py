"""What would happen to an incoming mail for one recipient: opened, verified and marked as on its way. Nothing is sent.

Keys of its author are looked up as for a mail, and what is found counts from then on. Raises `StoreError` and
`ConfigError`; an engine that cannot open it now is an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from relay.admin.not_taken import ID, not_taken
from relay.config import Config
from relay.daemon.engines import build_pooled_examiner
from relay.daemon.harvest import build_reader
from relay.daemon.incoming import build_treater
from relay.daemon.outlets import hostname
from relay.daemon.storage import opened_store
from relay.keys.factory import build_resolver
from relay.mail.line_ends import as_crlf
from relay.model import Address, Defer, Envelope, Inbound, Recipient, Refuse
from relay.model.harvest import CarriedKey, Outcome
from relay.model.incoming import Incoming
from relay.pipeline.letter import Letter, read
from relay.pipeline.transaction import Transaction
from relay.pipeline.treat import DEFERRED
from relay.process import pool
from relay.process.pool import Document
from relay.telemetry import log_output


@dataclass(frozen=True, slots=True)
class IncomingExplanation:
    """What would happen to the mail."""

    decision: Incoming | Defer | Refuse
    recipient: Address
    letter: Letter | None
    """What it is; None where no mail of this form is taken."""
    keys: tuple[CarriedKey | Outcome, ...] = ()
    """Those that it carries: each counts, or why it does not (`harvest`)."""


async def explain_incoming(config: Config, recipient: Address, content: bytes) -> IncomingExplanation:
    """For this recipient, as if its author were the envelope's sender. Its lines may end in LF."""
    content = as_crlf(content)
    if refused := not_taken(config, content):
        return IncomingExplanation(refused, recipient, None)
    log_output.configure(level="error")  # standard output is for results
    envelope = Envelope(None, (Recipient(recipient),))
    inbound = Inbound(ID, envelope, content, datetime.now(UTC), "", "", "LMTP", single_answer=False)
    authserv_id = config.inbound.authserv_id or hostname(config)
    letter = read(content, authserv_id)
    keys = build_reader(config, authserv_id).read(content, letter, letter.author)
    async with opened_store(config) as store:
        resolver = build_resolver(config, store, lambda: build_pooled_examiner(config))
        try:
            treater = build_treater(config, store, resolver)
            with Document(content) as document, treater.budget.lease() as lease:
                treated = await treater.treat(Transaction(inbound), letter, document, lease)
        finally:
            await resolver.close()
            pool.stop()
    return IncomingExplanation(treated[0].decision if 0 in treated else DEFERRED, recipient, letter, tuple(keys))
