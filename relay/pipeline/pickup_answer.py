"""Answers from the page, on the incoming way: opened for their one recipient, and marked `reason=pickup`.

An answer that cannot be opened may be anybody's, and goes no further.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from relay.model import replies
from relay.model.incoming import Incoming
from relay.model.mark import Encryption, Mark
from relay.model.opened import Reason
from relay.pipeline.incoming_mail import Treated
from relay.pipeline.letter import Letter
from relay.pipeline.transaction import Transaction
from relay.pipeline.treat import Treater
from relay.process.budget import Lease
from relay.process.pool import Document

_MARK = Mark(Encryption.DECRYPTED, reason=Reason.PICKUP)


@dataclass(frozen=True, slots=True)
class AnswerTreater(Treater):
    """`Treater` for answers: the author is known only by the code; signatures in it do not count."""

    async def treat(
        self, transaction: Transaction, letter: Letter, document: Document, lease: Lease
    ) -> Mapping[int, Treated]:
        """Open the answer for each recipient; a recipient for whom it cannot be opened gets 554."""
        treated = await Treater.treat(self, transaction, letter, document, lease)
        opened = {i: replace(one, decision=Incoming(_MARK)) for i, one in treated.items() if one.finding is not None}
        transaction.answer([i for i in treated if i not in opened], replies.malformed(transaction.inbound.id))
        return opened
