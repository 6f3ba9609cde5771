"""`pgp-relay trace`: the decisions made, and whether their record is whole."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer

from relay.cli.context import Json, Row, context_of, fail, print_json, print_table, run, say, shown
from relay.cli.times import moment
from relay.config import Config
from relay.config.values import duration
from relay.daemon.resources import opened_store
from relay.model import Record
from relay.store import Link

T = TypeVar("T")

_NULL_SENDER = "<>"
_HEADER = ("time", "id", "action", "sender", "recipient", "rule", "reason", "reply")
_ACTIONS = ("encrypt", "pass", "clear", "refuse", "hold", "defer")
_STYLES = {"clear": "yellow", "refuse": "red", "hold": "red", "defer": "red"}


def trace(  # noqa: PLR0913  each is an option
    context: typer.Context,
    since: Annotated[str | None, typer.Option(help="Only the last 1h, 30m, 7d …; all without it.")] = None,
    sender: Annotated[str | None, typer.Option("--from", help="Only this sender; <> for the null sender.")] = None,
    recipient: Annotated[str | None, typer.Option("--to", help="Only this recipient.")] = None,
    id_: Annotated[str, typer.Option("--id", help="Only this message: the id that a reply or a notice names.")] = "",
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Walk the hash chain; status 1 when a row was altered or removed.")
    ] = False,
    head: Annotated[
        str | None,
        typer.Option(metavar="NUMBER:HASH", help="With --verify: what the log's last `anchored` line says."),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Count mails instead, by rule, recipient's domain and decision.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell what was decided for each recipient, by which rule, and what was answered.

    On a terminal a table, elsewhere fields with a tab between them; one object a line with --json. What was decided in
    shadow mode (then the mail was passed on unchanged) is marked.

    $ pgp-relay trace --since 1h --to cabinet.lefevre@ville.example
    """
    config = context_of(context).config()
    if verify or head:
        run(_verify(config, _given("--head", Link.parse, head), as_json=as_json))
        return
    age = _given("--since", duration, since)
    after = None if age is None else time.time() - age
    sender = "" if sender == _NULL_SENDER else sender
    tell = _sum_up if summary else _show
    run(tell(config, after, sender, recipient, id_, as_json=as_json))


def _given(option: str, parse: Callable[[str], T], text: str | None) -> T | None:
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        fail(f"{option}: {error}", status=2)


async def _show(  # noqa: PLR0913  each is an option
    config: Config, since: float | None, sender: str | None, recipient: str | None, id_: str, *, as_json: bool
) -> None:
    rows: list[Row] = []
    async with opened_store(config) as store:
        async for record in store.trace.select(since=since, sender=sender, recipient=recipient, id_=id_):
            if as_json:
                print_json(_object(record))
            elif sys.stdout.isatty():
                rows.append(_cells(record))
            else:
                sys.stdout.write("\t".join(shown(cell) for cell in _cells(record)) + "\n")
    print_table(_HEADER, rows, lambda row: _STYLES.get(row[2].partition(" ")[0]))


async def _sum_up(  # noqa: PLR0913  each is an option
    config: Config, since: float | None, sender: str | None, recipient: str | None, id_: str, *, as_json: bool
) -> None:
    async with opened_store(config) as store:
        sums = await store.trace.summary(since=since, sender=sender, recipient=recipient, id_=id_)
    counts: defaultdict[tuple[str, str, bool], dict[str, int]] = defaultdict(lambda: dict.fromkeys(_ACTIONS, 0))
    for found in sums:
        for key in (found.rule, found.domain, found.shadow), ("", "", found.shadow):
            counts[key][found.action] = counts[key].get(found.action, 0) + found.mails
    if as_json:
        for (rule, domain, shadow), numbers in counts.items():
            if rule:
                print_json({"rule": rule, "domain": domain, "shadow": shadow, **numbers})
        return
    ordered = sorted(counts.items(), key=lambda item: (item[0][2], not item[0][0], *item[0]))
    print_table(("rule", "domain", "mode", *_ACTIONS), [_sum(*key, numbers) for key, numbers in ordered])


def _sum(rule: str, domain: str, shadow: bool, numbers: Mapping[str, int]) -> Row:  # noqa: FBT001  a key of the table
    """The row without a rule is that of all together."""
    mode = "shadow" if shadow else "live"
    return (rule or "all", domain, mode, *(str(numbers[action]) for action in _ACTIONS))


async def _verify(config: Config, logged: Link | None, *, as_json: bool) -> None:
    async with opened_store(config) as store:
        verdict = await store.trace.verify(logged)
    newest = {"number": verdict.head.number, "hash": verdict.head.hash.hex()}
    if as_json:
        fault = None if verdict.holds else {"row": verdict.number, "fault": verdict.fault}
        print_json({"holds": verdict.holds, "checked": verdict.checked, "newest": newest, "fault": fault})
        raise typer.Exit(0 if verdict.holds else 1)
    if not verdict.holds:
        fail(f"row {verdict.number}: {verdict.fault}")
    say(f"{verdict.checked} rows checked, the chain holds; newest: {verdict.head}")


def _object(record: Record) -> dict[str, object]:
    told = {**asdict(record), "time": moment(record.time)}
    return told if record.shadow else {name: value for name, value in told.items() if name != "shadow"}


def _cells(record: Record) -> Row:
    """In the order of `_HEADER`."""
    return (
        moment(record.time) or "",
        record.id,
        f"{record.action} (shadow)" if record.shadow else record.action,
        record.sender or _NULL_SENDER,
        record.recipient,
        record.rule,
        record.reason,
        record.reply,
    )
