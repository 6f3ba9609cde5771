"""Replies that follow from the decision alone: nothing is sent for these recipients, or a notice comes later."""

from __future__ import annotations

from collections.abc import Mapping

from relay.model import Decision, Defer, Hold, replies
from relay.pipeline.facts import Facts
from relay.pipeline.transaction import Transaction
from relay.policy import Telling


def answer_decided(transaction: Transaction, decisions: Mapping[int, Decision], facts: Facts) -> None:
    """Answer those who are deferred, held, or refused by the reply.

    If one SMTP answer covers all recipients and it has to be 550, all get it, and nothing of the mail leaves.
    """
    id_ = transaction.inbound.id
    refused = [i for i, decision in decisions.items() if facts.telling(i, decision) is Telling.REPLY]
    alone = not transaction.inbound.single_answer
    transaction.answer(refused if alone or not refused else transaction.open, replies.refused(id_))
    for index, decision in decisions.items():
        match decision:
            case Defer():
                transaction.answer((index,), replies.source_down(id_))
            case Hold():
                transaction.answer((index,), replies.held(id_))
            case _:
                pass
