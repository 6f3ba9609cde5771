"""The options of `pgp-relay trace`: which rows of the trace, and what is shown of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

import typer

from relay.cli.actions import ACTIONS
from relay.cli.options import Options
from relay.cli.output import fail
from relay.cli.values import given, one_of
from relay.config.values import duration
from relay.model.envelope import NULL_SENDER
from relay.model.trace import IN, OUT
from relay.store import Selection


@dataclass(frozen=True, slots=True)
class Rows(Options):
    """Which rows: each option that is given leaves some out."""

    since: Annotated[
        str | None, typer.Option(metavar="AGE", help="Only the last 1h, 30m, 7d …; default: everything.")
    ] = None
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="Only this sender; <> for the null sender.")
    ] = None
    recipient: Annotated[str | None, typer.Option("--to", metavar="ADDRESS", help="Only this recipient.")] = None
    id_: Annotated[
        str, typer.Option("--id", metavar="ID", help="Only this message: the id that a reply or a notice names.")
    ] = ""
    queue_id: Annotated[str, typer.Option(metavar="ID", help="Only the mail with this queue id of Postfix.")] = ""
    message_id: Annotated[str, typer.Option(metavar="ID", help="Only this Message-ID, in its angle brackets.")] = ""
    until: Annotated[str | None, typer.Option(metavar="AGE", help="Only what is older than 1h, 30m, 7d ….")] = None
    action: Annotated[str, typer.Option(metavar="ACTION", help=f"Only this decision: {', '.join(ACTIONS)}.")] = ""
    rule: Annotated[str, typer.Option(metavar="NAME", help="Only what this rule decided.")] = ""
    limit: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, max=1_000_000, help="Only the newest NUMBER rows.")
    ] = None

    def selection(self, direction: str, *, keys: bool) -> Selection:
        """What the store is asked for; `keys`: changes of keys. A wrong option ends the program."""
        if self.action:
            one_of("--action", self.action, ACTIONS)
        return Selection(
            since=_before(given("--since", duration, self.since)),
            until=_before(given("--until", duration, self.until)),
            action=self.action,
            rule=self.rule,
            direction=direction,
            newest=self.limit,
            sender="" if self.sender == NULL_SENDER else self.sender,
            recipient=self.recipient,
            id=self.id_,
            queue_id=self.queue_id,
            message_id=self.message_id,
            keys=keys,
        )


@dataclass(frozen=True, slots=True)
class Way(Options):
    """What is done with the rows, other than to show those that there are."""

    follow: Annotated[
        bool, typer.Option("--follow", help="Show the newest 10 rows (or --limit), then new ones as they come.")
    ] = False
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Walk the hash chain of each node; status 1 when a row was altered or removed."),
    ] = False
    head: Annotated[
        str | None,
        typer.Option(
            metavar="[NODE:]NUMBER:HASH", help="With --verify: the value in the log's last `trace_head` line."
        ),
    ] = None
    summary: Annotated[
        bool, typer.Option("--summary", help="Count mails instead, by rule, recipient's domain and decision.")
    ] = False


@dataclass(frozen=True, slots=True)
class Direction(Options):
    """Whether only incoming or only outgoing mail is shown; neither or both of the options: all mail."""

    incoming: Annotated[bool, typer.Option("--in", help="Only incoming mail.")] = False
    outgoing: Annotated[bool, typer.Option("--out", help="Only outgoing mail.")] = False

    @property
    def name(self) -> str:
        """As the trace has it; empty: both."""
        if self.incoming == self.outgoing:
            return ""
        return IN if self.incoming else OUT


@dataclass(frozen=True, slots=True)
class Changes(Options):
    """Changes of keys in place of mails."""

    keys: Annotated[
        bool, typer.Option("--keys", help="Show changes of keys instead: who, when and why; --to: whose key.")
    ] = False
    export: Annotated[
        str, typer.Option(metavar="KIND", help="With --keys: a file of the changes; csv, or json (signed).")
    ] = ""


def one_way(way: Way, changes: Changes) -> None:
    """End the program where several ways of showing the trace are wanted."""
    ways = {
        "--verify": way.verify or way.head,
        "--keys": changes.keys or changes.export,
        "--summary": way.summary,
        "--follow": way.follow,
    }
    wanted = [option for option, is_set in ways.items() if is_set]
    if len(wanted) > 1:
        fail(f"{' and '.join(wanted)}: one of them at a time", status=2)


def _before(age: float | None) -> float | None:
    return None if age is None else time.time() - age
