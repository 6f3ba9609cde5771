"""The order of commands and what survives which of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.model import Address, Envelope, Recipient
from relay.smtp.bounds import Bounds
from relay.smtp.esmtp import Refusal
from relay.smtp.transaction import Transaction


def started(*, extended: bool = True) -> Transaction:
    transaction = Transaction(Bounds(), extended=extended)
    transaction.mail("FROM:<a@b.example>")
    return transaction


def code(call: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        call()
    return str(caught.value)[:9]


def test_the_envelope_is_what_was_said() -> None:
    transaction = Transaction(Bounds(), extended=True)
    transaction.xforward("NAME=one IDENT=4F3")
    transaction.mail("FROM:<a@b.example> RET=FULL SIZE=10")
    transaction.recipient("TO:<1@x> NOTIFY=NEVER")
    transaction.recipient("TO:<1@x>")
    assert transaction.size == 10
    assert transaction.envelope() == Envelope(
        Address("a@b.example"),
        (Recipient(Address("1@x"), ("NOTIFY=NEVER",)), Recipient(Address("1@x"))),
        ("RET=FULL",),
        (("NAME", "one"), ("IDENT", "4F3")),
    )


def test_the_null_sender_opens_a_transaction_like_any_other() -> None:
    transaction = Transaction(Bounds(), extended=True)
    transaction.mail("FROM:<>")
    transaction.recipient("TO:<1@x>")
    assert transaction.envelope().sender is None


def test_commands_out_of_order() -> None:
    fresh = Transaction(Bounds(), extended=True)
    assert code(lambda: fresh.recipient("TO:<1@x>")) == "503 5.5.1"
    assert code(fresh.envelope) == "503 5.5.1"
    assert code(lambda: started().mail("FROM:<c@d>")) == "503 5.5.1"
    assert code(lambda: started().xforward("NAME=x")) == "503 5.5.1"
    assert code(started().envelope) == "503 5.5.1"


def test_a_refused_command_changes_nothing() -> None:
    transaction = Transaction(Bounds(), extended=True)
    code(lambda: transaction.mail("FROM:<a@b> RET=BOTH"))
    assert not transaction.open
    transaction = started()
    code(lambda: transaction.recipient("TO:<1@x> NOTIFY=WHEN"))
    assert code(transaction.envelope) == "503 5.5.1"


def test_parameters_need_ehlo() -> None:
    plain = Transaction(Bounds(), extended=False)
    assert code(lambda: plain.mail("FROM:<a@b> RET=FULL")) == "555 5.5.4"
    assert code(lambda: plain.mail("FROM:<a@b> SIZE=1")) == "555 5.5.4"
    assert not plain.open
    assert code(lambda: started(extended=False).recipient("TO:<a@b> NOTIFY=NEVER")) == "555 5.5.4"


def test_a_recipient_too_many_is_temporary_and_the_others_stay() -> None:
    transaction = Transaction(Bounds(recipients=1), extended=True)
    transaction.mail("FROM:<>")
    transaction.recipient("TO:<1@x>")
    assert code(lambda: transaction.recipient("TO:<2@x>")) == "452 4.5.3"
    assert len(transaction.envelope().recipients) == 1
