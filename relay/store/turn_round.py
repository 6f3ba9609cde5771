"""One round trip of `relay.store.turns`: places are taken and given back, and what is known of them is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.store.schema_types import as_text

STATEMENT = """SELECT place, pg_try_advisory_lock(place) AS taken,
        current_setting('transaction_read_only') = 'on' AS read_only,
        NULL::bytea AS digest, NULL::bytea AS recipient, NULL::text AS name, NULL::bytea AS value
    FROM unnest($1::bigint[]) AS place
    UNION ALL SELECT NULL, pg_advisory_unlock(place), NULL, NULL, NULL, NULL, NULL FROM unnest($2::bigint[]) AS place
    UNION ALL SELECT NULL, NULL, NULL, digest, recipient, NULL, NULL FROM ledger
    WHERE digest = ANY($3::bytea[]) AND recorded > $4
    UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, name, value FROM state WHERE $4 IS NOT NULL"""

GIVE_BACK = "SELECT pg_advisory_unlock(place) FROM unnest($1::bigint[]) AS place"


@dataclass(frozen=True, slots=True)
class Taking:
    """A place that is asked for, and the transaction that it stands for."""

    place: int
    transaction: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """The result of one round trip."""

    taken: frozenset[int]
    served: Mapping[bytes, frozenset[str]]
    """By transaction: the recipients that the ledger has; nobody where it is missing."""
    tokens: Mapping[str, bytes]
    """Of `relay.store.state_tokens`."""
    is_read_only: bool

    def answer(self, asked: Taking) -> frozenset[str] | None:
        """Who is served; None where another process has the place."""
        return self.served.get(asked.transaction, frozenset()) if asked.place in self.taken else None


def steps(taking: Sequence[Taking], returned: Sequence[int], oldest: float) -> list[tuple[Any, ...]]:
    """The values of `STATEMENT`, which runs once for each.

    A statement sees what was committed before it began. So the ledger is read by one that begins when the places are
    taken: who had one before has written there until then.
    """
    places, transactions = [each.place for each in taking], [each.transaction for each in taking]
    return [(places, returned, [], None), ([], [], transactions, oldest)]


def found(rows: Sequence[Any]) -> Found:
    """Make the result from the rows of `STATEMENT`."""
    served: defaultdict[bytes, set[str]] = defaultdict(set)
    for row in rows:
        if row["digest"] is not None:
            served[row["digest"]].add(as_text(row["recipient"]))
    return Found(
        frozenset(row["place"] for row in rows if row["place"] is not None and row["taken"]),
        {transaction: frozenset(recipients) for transaction, recipients in served.items()},
        {row["name"]: row["value"] for row in rows if row["name"] is not None},
        any(row["read_only"] for row in rows),
    )
