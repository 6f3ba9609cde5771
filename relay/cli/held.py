"""`pgp-relay held`: the mails that wait for a key."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Annotated

import typer

from relay.admin.held import Held, not_queued, send_again
from relay.admin.held import held as waiting
from relay.cli.context import context_of, with_store
from relay.cli.display import Display
from relay.cli.output import complain
from relay.cli.table import Column, Row
from relay.cli.times import Look, moment
from relay.model.envelope import NULL_SENDER

_COLUMNS = (
    Column("recipient", least=20),
    Column("since"),
    Column("until", rank=1),
    Column("reason", least=12),
    Column("queue id", rank=2),
    Column("sender", least=20, rank=3),
    Column("rule", least=12, rank=4),
)


QueueIds = Annotated[
    list[str] | None, typer.Option(metavar="QUEUE_ID", help="Have Postfix retry this mail now, and list it.")
]


def held(context: typer.Context, *, flush: QueueIds = None, display: Display) -> None:
    """List the mails that wait for a key.

    Each is in Postfix's queue, and leaves by itself once there is a key. Postfix gives up after the time under `until`.
    A mail that somebody has deleted from the queue is named below the list, and listed until a day after its last try.
    With --flush, the exit status is 1 if Postfix could not be asked to retry one of the named mails.

    $ pgp-relay held
    """
    found = context_of(context)
    config = found.config()
    mails = with_store(config, lambda store: waiting(config, store))
    held_ids = {mail.queue_id for mail in mails}
    if flush:
        mails = with_store(config, lambda store: send_again(config, store, flush, found.actor))
    if display.as_json or mails or not flush:
        display.print_all(_COLUMNS, mails, _row, _object, nothing="no mail is held")
    if not display.as_json and (mails or not flush):
        _tell_gone(with_store(config, lambda store: not_queued(config, store, {mail.queue_id for mail in mails})))
    _tell_failed(set(flush or ()) - {mail.queue_id for mail in mails}, held_ids)


def _tell_gone(gone: Collection[str]) -> None:
    for each in sorted(gone):
        complain(f"{each} is not in Postfix's queue any more: somebody deleted it, and it waits no longer")


def _tell_failed(failed: Collection[str], held_ids: Collection[str]) -> None:
    """Say for each queue id why Postfix was not asked to retry it; status 1 if there is one."""
    for each in sorted(failed):
        why = "Postfix did not take the request" if each in held_ids else "no held mail has this queue id"
        complain(f"{each}: {why}")
    if failed:
        raise typer.Exit(1)


def _object(mail: Held) -> dict[str, object]:
    """The object that `--json` prints."""
    return {**asdict(mail), "since": moment(mail.since), "until": moment(mail.until)}


def _row(mail: Held, look: Look) -> Row:
    """In the order of `_COLUMNS`."""
    sender = mail.sender or NULL_SENDER
    since, until = look.moment(mail.since), look.moment(mail.until)
    return mail.recipient, since, until, mail.reason, mail.queue_id, sender, mail.rule
