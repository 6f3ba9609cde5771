"""`pgp-relay nodes`: the machines that share the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from relay.admin.nodes import Standing, standings, unfinished
from relay.cli.context import context_of, with_store
from relay.cli.display import Display
from relay.cli.output import complain
from relay.cli.table import Column, Row
from relay.cli.times import Look, moment

if TYPE_CHECKING:  # loading it takes longer than most commands run
    from relay.store import Store

_COLUMNS = (
    Column("node"),
    Column("state", styles={"runs": "green", "silent": "red"}),
    Column("seen"),
    Column("since", rank=3),
    Column("version", rank=2),
    Column("policy", least=12, rank=1),
    Column("signing", least=16, rank=4),
    Column("rate", rank=5, right=True),
    Column("duties", least=10, rank=6),
)


def nodes(context: typer.Context, *, display: Display) -> None:
    """List the machines that share the database.

    Nodes that differ under `policy` or `signing` decide or sign differently. `rate` is recipients per second, over
    the last minute.

    $ pgp-relay nodes
    """
    found, removals = with_store(context_of(context).config(), _read)
    display.print_all(_COLUMNS, found, _row, _object, nothing="no node has served here yet")
    for sentence in removals:
        complain(sentence)


async def _read(store: Store) -> tuple[list[Standing], list[str]]:
    return await standings(store), await unfinished(store)


def _object(standing: Standing) -> dict[str, object]:
    node = standing.node
    return {
        "node": node.name,
        "version": node.about.version,
        "schema": node.schema,
        "since": moment(node.since),
        "seen": moment(node.seen),
        "policy": node.about.policy,
        "signing": list(node.about.signing),
        "rate": round(node.rate, 2),
        "duties": list(standing.duties),
    }


def _row(standing: Standing, look: Look) -> Row:
    """In the order of `_COLUMNS`."""
    node = standing.node
    return (
        node.name,
        "runs" if node.runs else "silent",
        look.moment(node.seen),
        look.moment(node.since),
        node.about.version,
        node.about.policy[:12],
        ", ".join(node.about.signing) or "-",
        f"{node.rate:.1f}",
        ", ".join(standing.duties),
    )
