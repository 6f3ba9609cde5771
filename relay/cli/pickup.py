"""`pgp-relay pickup …`: mail that its recipients open in a browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from relay.cli import values
from relay.cli.context import Json, context_of, with_store
from relay.cli.display import Display
from relay.cli.output import complain, fail, print_json, say
from relay.cli.table import Column, Row
from relay.cli.times import Look, Utc, moment
from relay.model.envelope import NULL_SENDER

if TYPE_CHECKING:
    from relay.config import Config
    from relay.model.pickup import Pickup
    from relay.store import Store

T = TypeVar("T")

Id = Annotated[str, typer.Argument(metavar="ID", help="The pick-up's id, or at least its first six characters.")]
Ended = Annotated[bool, typer.Option("--all", help="Also those that have ended.")]
Time = Annotated[str | None, typer.Argument(metavar="DURATION", help="Time from now; default: pickup.keep.")]
Reader = Annotated[str, typer.Argument(metavar="ADDRESS", help="The recipient.")]
Valid = Annotated[
    str | None, typer.Option(metavar="DURATION", help="How long the code is valid; default: pickup.keep.")
]

_LEAST = 1
"""Seconds that a pick-up, or a code, can be used."""
_SHORT = 8
"""Characters of an id that name it."""
_COLUMNS = (
    Column("recipient", least=20),
    Column("opened"),
    Column("expires"),
    Column("id"),
    Column("sender", least=20, rank=1),
    Column("created", rank=2),
    Column("size", rank=3, right=True),
)
_STATE = Column("state")
"""The column of `--all`: which pick-ups have ended."""


def list_(context: typer.Context, *, ended: Ended = False, display: Display) -> None:
    """List the mails that wait for their readers, or were read.

    $ pgp-relay pickup list
    """
    from relay.admin import pickup  # noqa: PLC0415  loads the engines

    found = _with(context, lambda _config, store: pickup.listed(store, ended=ended))
    columns, row = ((*_COLUMNS, _STATE), _row_with_state) if ended else (_COLUMNS, _row)
    display.print_all(columns, found, row, _object, nothing="no mail waits to be picked up")


def show(context: typer.Context, name: Id, *, utc: Utc = False, as_json: Json = False) -> None:
    """Show a pick-up: recipient, sender, whether it was opened.

    $ pgp-relay pickup show 4f3abc91
    """
    from relay.admin import pickup  # noqa: PLC0415  loads the engines

    one = _with(context, lambda _config, store: pickup.found(store, name))
    if as_json:
        print_json(_object(one))
        return
    row = _row_with_state(one, Look.of(full=True, utc=utc))
    for column, text in zip((*_COLUMNS, _STATE), row, strict=True):
        say((f"{column.title:<10}  ", "bold"), text)


def withdraw(context: typer.Context, name: Id, *, as_json: Json = False) -> None:
    """Withdraw a pick-up: nobody can open it any more.

    $ pgp-relay pickup withdraw 4f3abc91
    """
    from relay.admin import pickup  # noqa: PLC0415  loads the engines

    actor = context_of(context).actor
    one = _with(context, lambda config, store: pickup.withdraw(config, store, name, actor))
    _tell(one, f"withdrawn: {one.id}", as_json=as_json)


def resend(context: typer.Context, name: Id, *, as_json: Json = False) -> None:
    """Mail the link of a pick-up to its recipient again.

    The mail has the link and no code.

    $ pgp-relay pickup resend 4f3abc91
    """
    from relay.admin import pickup  # noqa: PLC0415  loads the engines

    actor = context_of(context).actor
    one = _with(context, lambda config, store: pickup.resend(config, store, name, actor))
    _tell(one, f"sent to {one.recipient.text}", as_json=as_json)


def extend(context: typer.Context, name: Id, duration: Time = None, *, utc: Utc = False, as_json: Json = False) -> None:
    """Give the reader of a pick-up more time.

    $ pgp-relay pickup extend 4f3abc91 14d
    """
    from relay.admin import pickup  # noqa: PLC0415  loads the engines

    seconds, actor = _duration("DURATION", duration), context_of(context).actor
    one = _with(context, lambda c, store: pickup.extend(c, store, name, seconds or c.pickup.keep, actor))
    until = Look.of(full=True, utc=utc).moment(one.expires)
    _tell(one, f"can be opened until {until}", as_json=as_json)


def preset(context: typer.Context, recipient: Reader, *, valid: Valid = None, as_json: Json = False) -> None:
    """Make a code to give to a recipient beforehand.

    For example at a visit: the next mail to this address is encrypted with it. The code is shown only once. It is
    stored encrypted until it is used, and is in no backup.

    $ pgp-relay pickup preset cabinet.lefevre@ville.example
    """
    from relay.admin import pickup  # noqa: PLC0415  loads the engines

    address, seconds, actor = values.address(recipient), _duration("--valid", valid), context_of(context).actor
    made = _with(context, lambda c, store: pickup.preset(c, store, address, seconds or c.pickup.keep, actor))
    if as_json:
        print_json({"recipient": made.recipient.text, "code": made.code, "expires": moment(made.expires)})
        return
    say(made.code)
    complain("Give it to the recipient now: it is not shown again.")


def _tell(one: Pickup, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_object(one))
    else:
        say(sentence)


def _duration(option: str, text: str | None) -> float | None:
    from relay.config import duration  # noqa: PLC0415  takes long to load

    seconds = values.given(option, duration, text)
    if seconds is not None and seconds < _LEAST:
        fail(f"{option}: at least {_LEAST}s", status=2)
    return seconds


def _with(context: typer.Context, work: Callable[[Config, Store], Awaitable[T]]) -> T:
    config = context_of(context).config()
    return with_store(config, lambda store: work(config, store))


def _row(one: Pickup, look: Look) -> Row:
    """In the order of `_COLUMNS`."""
    opened = "no" if one.opened is None else look.moment(one.opened)
    sender = one.sender.text if one.sender else NULL_SENDER
    id_ = one.id if look.full else one.id[:_SHORT]
    created, expires = look.moment(one.created), look.moment(one.expires)
    return one.recipient.text, opened, expires, id_, sender, created, str(one.size)


def _row_with_state(one: Pickup, look: Look) -> Row:
    return *_row(one, look), one.state.value


def _object(one: Pickup) -> dict[str, object]:
    """The object that `--json` prints."""
    return {
        "id": one.id,
        "recipient": one.recipient.text,
        "sender": one.sender.text if one.sender else "",
        "created": moment(one.created),
        "expires": moment(one.expires),
        "opened": None if one.opened is None else moment(one.opened),
        "size": one.size,
        "state": one.state.value,
    }
