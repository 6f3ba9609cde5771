"""Compares a chain with what is known of it from elsewhere: from the log, or from the chain of another node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, Text, bindparam, select

from relay.store import hash_chain
from relay.store.hash_chain import Link, Logged
from relay.store.schema import trace
from relay.store.verification import ChainVerdict

_ROW = select(trace.c.hash).where(trace.c.chain == bindparam("of", type_=Text), trace.c.number == bindparam("at"))


def agrees(connection: Connection, link: Link, name: str, witness: str) -> tuple[int, str] | None:
    """Where the chain is not as `witness` has it, and how; None: it is."""
    ends = hash_chain.ends(connection, name)
    if link.number > ends.head.number:
        return ends.head.number + 1, "missing at the end"
    if link.number < ends.anchor.number or link in (ends.anchor, ends.head, Link.first(name)):
        return None
    there = connection.execute(_ROW, {"of": name, "at": link.number}).scalar_one_or_none()
    return None if there is not None and bytes(there) == link.hash else (link.number, f"not as {witness} has it")


def compared(connection: Connection, found: Sequence[ChainVerdict], logged: Logged, witness: str) -> list[ChainVerdict]:
    """The verdicts, once what a witness says of one chain was compared with it; without a name, of any."""
    named = [logged.chain] if logged.chain else [each.name for each in found]
    faults = {name: agrees(connection, logged.link, name, witness) for name in named}
    if not all(faults.values()):
        return list(found)
    known = [each.name for each in found]
    missing = [ChainVerdict(name, 0, Link.first(name)) for name in named if name not in known]
    first = faults[named[0]] if named else None
    return [
        replace(each, number=first[0], fault=first[1]) if first and each.name == named[0] and each.holds else each
        for each in (*found, *missing)
    ]
