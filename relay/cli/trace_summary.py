"""`pgp-relay trace --summary`: mails counted by rule, recipient's domain and decision."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from relay.admin import trace as tracing
from relay.cli.actions import ACTIONS, USUAL
from relay.cli.output import on_terminal, print_json
from relay.cli.table import Column, Row, print_table
from relay.store import Selection, Store

_COUNTED = (Column("rule", least=12), Column("domain", least=12))


async def show(store: Store, wanted: Selection, *, as_json: bool) -> None:
    """One object, or one line, for each rule, domain and mode, with its mails by decision."""
    counts = await tracing.counts(store, wanted)
    if as_json:
        for count in counts:
            if count.rule:
                numbers = {action: count.mails.get(action, 0) for action in ACTIONS}
                print_json({"rule": count.rule, "domain": count.domain, "shadow": count.shadow, **numbers})
        return
    shown = _columns({action for count in counts for action in count.mails})
    moded = any(count.shadow for count in counts) or not on_terminal()  # no column if no row is shadow
    columns = (*_COUNTED, *((Column("mode"),) if moded else ()), *(Column(each, right=True) for each in shown))
    print_table(columns, [_sum(count, shown, moded=moded) for count in counts], nothing="no row of the trace matches")


def _columns(occurring: Collection[str]) -> tuple[str, ...]:
    """The actions that have a column: those of ordinary mail; where others occur, all that do, so that they fit."""
    if set(USUAL).issuperset(occurring):
        return USUAL
    return tuple(action for action in ACTIONS if action in occurring)


def _sum(count: tracing.Count, shown: Sequence[str], *, moded: bool) -> Row:
    mode = ("shadow" if count.shadow else "live",) if moded else ()
    return (count.rule or "all", count.domain, *mode, *(str(count.mails.get(action, 0)) for action in shown))
