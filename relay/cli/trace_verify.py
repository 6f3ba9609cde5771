"""`pgp-relay trace --verify`: whether the hash chains of the trace hold, as lines or as JSON."""

from __future__ import annotations

import typer

from relay.admin import trace as tracing
from relay.cli.output import fail, print_json, say
from relay.store import ChainVerdict, Link, Logged, Store


async def verify(store: Store, logged: Logged | None, *, as_json: bool) -> None:
    """Verify the hash chains, and that `logged` is in them; show the result. Status 1 if one is not intact."""
    verdict = await tracing.verify(store, logged)
    if as_json:
        told = {"newest": _newest(verdict.head), "fault": _fault(verdict.faulty)}
        chains = [
            {"node": each.name, "checked": each.checked, "newest": _newest(each.head), "fault": _fault(each)}
            for each in verdict.chains
        ]
        print_json({"holds": verdict.holds, "checked": verdict.checked, **told, "chains": chains})
        raise typer.Exit(0 if verdict.holds else 1)
    if (faulty := verdict.faulty) is not None:
        where = f"{faulty.name}: " if faulty.name else ""
        fail(f"{where}row {faulty.number}: {faulty.fault}")
    count = len(verdict.chains)
    say(f"{verdict.checked} rows checked, the chain ", ("holds", "green"), f" in each of {count} nodes" * (count > 1))
    for each in verdict.chains:
        say(f"newest  {Logged(each.head, each.name)}")


def _newest(link: Link) -> dict[str, object]:
    return {"number": link.number, "hash": link.hash.hex()}


def _fault(verdict: ChainVerdict | None) -> dict[str, object] | None:
    return None if verdict is None or verdict.holds else {"row": verdict.number, "fault": verdict.fault}
