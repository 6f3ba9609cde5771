"""`pgp-relay node …`: the nodes that hand each other their secret keys."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from relay.cli.context import Json, context_of, with_store
from relay.cli.display import Display
from relay.cli.output import complain, fail, print_json, say
from relay.cli.table import Column, Row
from relay.cli.times import Full, Look

if TYPE_CHECKING:  # loading what a command is made of takes longer than most commands run
    from relay.admin.node import Partner
    from relay.admin.rekeying import Rekeyed
    from relay.config import Config
    from relay.model.node_key import NodeKey
    from relay.store import Store

T = TypeVar("T")

_FINGERPRINT = re.compile(r"(?:0x)?[0-9A-Fa-f]{40}")
_COLUMNS = (
    Column("node"),
    Column("state", styles={"added": "green", "shown": "yellow"}),
    Column("by", rank=2),
    Column("runs"),
    Column("secrets", rank=1),
    Column("key"),
)


Other = Annotated[
    str | None, typer.Argument(metavar="[NODE]", help="The other node. Without it, this node's key is printed.")
]
Compared = Annotated[
    list[str] | None, typer.Argument(metavar="[FINGERPRINT]", help="The fingerprint that the other node printed.")
]


def add(context: typer.Context, node: Other = None, fingerprint: Compared = None, *, as_json: Json = False) -> None:
    """Hand this node's secret keys to another one.

    Without arguments it prints the name and the fingerprint of this node. Run it on both nodes, then
    run `node add` on each with what the other one printed.

    $ pgp-relay node add beta 5C1D0E4F7A2B9C8D6E3F1A0B4C5D6E7F8091A2B3
    """
    from relay.admin import node as admin  # noqa: PLC0415  loads the engines

    if node is None:
        _print_own(_with(context, admin.show), as_json=as_json)
        return
    compared = "".join(fingerprint or [])
    if not _FINGERPRINT.fullmatch(compared):
        fail(f"give the fingerprint that pgp-relay node add prints on {node}: 40 digits", status=2)
    actor = context_of(context).actor
    _with(context, lambda config, store: admin.add(config, store, node, compared, actor))
    if as_json:
        print_json({"node": node, "fingerprint": compared.removeprefix("0x").upper()})
    else:
        say(f"added {node}")


def list_(context: typer.Context, *, full: Full = False, as_json: Json = False) -> None:
    """List the nodes that have a key, and how many secret keys each has.

    `shown` means that nobody has compared its fingerprint yet: it gets no keys.

    $ pgp-relay node list
    """
    from relay.admin import node as admin  # noqa: PLC0415  loads the engines

    found = _with(context, admin.partners)
    Display(full=full, as_json=as_json).print_all(_COLUMNS, found, _row, _object, nothing="no other node is known")


def remove(
    context: typer.Context,
    node: Annotated[str, typer.Argument(metavar="NODE", help="A node that is lost, or goes for good.")],
    *,
    as_json: Json = False,
) -> None:
    """Stop trusting a node's key, and replace the keys it had.

    The organisation's key and the certificates of all own addresses are made again; the earlier ones are published
    revoked. Mail encrypted to those can still be opened. The keys that sign names get successors, which are printed.

    $ pgp-relay node remove beta
    """
    from relay.admin import node as admin  # noqa: PLC0415  loads the engines

    actor = context_of(context).actor
    made = _with(context, lambda config, store: admin.remove(config, store, node, actor))
    if as_json:
        print_json(
            {
                "node": node,
                "organisation": made.organisation or None,
                "addresses": made.addresses,
                "signing": [asdict(each) for each in made.signers],
            }
        )
    else:
        say(f"removed {node}")
        _tell(made)
    if made.failed:
        fail(f"{'; '.join(made.failed)}. Not all keys that {node} had are replaced: pgp-relay node remove {node}")


def _print_own(own: NodeKey, *, as_json: bool) -> None:
    """What is given to `node add` on another node."""
    if as_json:
        print_json({"node": own.node, "fingerprint": own.fingerprint})
    else:
        say(f"{own.node} {own.fingerprint}")


def _tell(made: Rekeyed) -> None:
    if made.organisation:
        say(f"new key of the organisation: {made.organisation}")
        say(f"new certificates: {made.addresses}")
    for each in made.signers:
        say(f"new signing key: {each.new}, in place of {each.old}")
        sys.stdout.write(each.public_key)
        complain(
            f"On every node write {each.new} in place of {each.old} where sign names it, and reload. "
            f"Then: pgp-relay keys revoke {each.old} --yes"
        )
    complain("Change the password of the database, and what else that machine knew")


def _row(partner: Partner, look: Look) -> Row:
    """In the order of `_COLUMNS`."""
    runs, key = "yes" if partner.runs else "no", look.key(partner.key.fingerprint)
    return partner.key.node, partner.state, partner.by, runs, str(partner.secrets), key


def _object(partner: Partner) -> dict[str, object]:
    return {
        "node": partner.key.node,
        "fingerprint": partner.key.fingerprint,
        "state": partner.state,
        "by": partner.by,
        "runs": partner.runs,
        "secrets": partner.secrets,
    }


def _with(context: typer.Context, work: Callable[[Config, Store], Awaitable[T]]) -> T:
    config = context_of(context).config()
    return with_store(config, lambda store: work(config, store))
