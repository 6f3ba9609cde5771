"""Figures from the trace: mails by rule, domain and decision, and decisions over time."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sqlalchemy import Connection, Integer, case, cast, func, select

from relay.store.schema import trace
from relay.store.trace_rows import Selection, matching

# What one mail keeps over its retries: its Message-ID, or what the front MTA calls it.
_MAIL = case(
    (trace.c.message_id != "", trace.c.message_id), (trace.c.queue_id != "", trace.c.queue_id), else_=trace.c.id
)
_COUNTS = select(
    trace.c.rule, trace.c.recipient_key, trace.c.action, trace.c.shadow, func.count(_MAIL.distinct()).label("mails")
)


class Sum(NamedTuple):
    """The number of mails to one domain with one decision by one rule."""

    rule: str
    domain: str
    action: str
    shadow: bool
    mails: int


def summary(connection: Connection, wanted: Selection) -> list[Sum]:
    """The sums of these rows. A mail with retries counts once for each decision, rule, domain and mode."""
    statement = _COUNTS.where(*matching(wanted)).group_by(*_COUNTS.selected_columns[:-1])
    sums: Counter[tuple[str, str, str, bool]] = Counter()
    for rule, address, action, shadow, count in connection.execute(statement):
        sums[rule, address.rpartition("@")[2], action, shadow] += count
    return [Sum(*key, count) for key, count in sorted(sums.items())]


def histogram(connection: Connection, since: float, until: float, width: float) -> dict[int, Counter[tuple[str, str]]]:
    """The number of decisions by action and rule, for each bar of so many seconds; the first bar is 0."""
    bar = cast(func.floor((trace.c.time - since) / width), Integer)
    counted = select(bar.label("bar"), trace.c.action, trace.c.rule, func.count())
    groups = counted.where(*matching(Selection(since=since, until=until)))
    found: dict[int, Counter[tuple[str, str]]] = {}
    for number, action, rule, count in connection.execute(groups.group_by("bar", trace.c.action, trace.c.rule)):
        found.setdefault(int(number), Counter())[action, rule] += count
    return found
