"""The store: certificates, bindings, answers of sources, ledger and trace in one database.

SQLAlchemy is used in this package alone.

`Store.open` takes the path of a SQLite file or an SQLAlchemy URL, brings the schema up to date and refuses a
database from a newer version. Everything here raises `relay.model.errors.StoreError` and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlalchemy import Connection

from relay.model.errors import StoreError
from relay.store.answers import Answer, Answers, Due, DueTimes, Result
from relay.store.approvals import Approvals
from relay.store.batch import Batch, WriteBatch
from relay.store.bindings import Bindings
from relay.store.certificates import Certificates, Counts
from relay.store.closing import Closing
from relay.store.database import BUSY_SECONDS, NO_NETWORK, Database, Network
from relay.store.enrolments import Enrolments
from relay.store.hash_chain import Link, Logged
from relay.store.invitations import Invitations
from relay.store.keyservers import Keyservers
from relay.store.leases import Leases
from relay.store.ledger import KEPT_SECONDS, StoredLedger
from relay.store.migration import migrate
from relay.store.node_keys import NodeKeys
from relay.store.node_removals import NodeRemovals
from relay.store.nodes import About, Node, Nodes, differences
from relay.store.opened_mail import OpenedMail
from relay.store.own_keys import OwnKeys
from relay.store.persons import Persons
from relay.store.pickups import Pickups
from relay.store.sightings import Sightings
from relay.store.sought import Sought
from relay.store.state_tokens import StateTokens
from relay.store.trace import Trace
from relay.store.trace_figures import Sum
from relay.store.trace_rows import Selection
from relay.store.verification import ChainVerdict, Verdict

if TYPE_CHECKING:
    from relay.store.turns import Turns

__all__ = [
    "About",
    "Answer",
    "Answers",
    "Approvals",
    "Batch",
    "Bindings",
    "Certificates",
    "ChainVerdict",
    "Counts",
    "Due",
    "DueTimes",
    "Enrolments",
    "Invitations",
    "Keyservers",
    "Leases",
    "Link",
    "Logged",
    "Network",
    "Node",
    "NodeKeys",
    "NodeRemovals",
    "Nodes",
    "OpenedMail",
    "OwnKeys",
    "Persons",
    "Pickups",
    "Result",
    "Selection",
    "Sightings",
    "Sought",
    "StateTokens",
    "Store",
    "StoredLedger",
    "Sum",
    "Trace",
    "Verdict",
    "differences",
]


@dataclass(frozen=True, slots=True)
class Store(Closing):
    """Made by `open`, in the event loop that uses it; after a fork, each process opens its own."""

    database: Database
    tokens: StateTokens
    certificates: Certificates
    bindings: Bindings
    keyservers: Keyservers
    sightings: Sightings
    enrolments: Enrolments
    invitations: Invitations
    ledger: StoredLedger
    trace: Trace
    answers: Answers
    leases: Leases
    nodes: Nodes
    node_keys: NodeKeys
    node_removals: NodeRemovals
    own_keys: OwnKeys
    opened_mail: OpenedMail
    pickups: Pickups
    persons: Persons
    approvals: Approvals

    @classmethod
    async def open(
        cls,
        url_or_path: str | Path,
        *,
        clock: Callable[[], float] = time.time,
        busy_seconds: float = BUSY_SECONDS,
        ledger_kept: float = KEPT_SECONDS,
        network: Network = NO_NETWORK,
    ) -> Self:
        """Open, or make, the database; `busy_seconds` is how long a write waits for another process's.

        `network` is for a database that several machines share; a SQLite file is one machine's.
        """
        database = await Database.open(url_or_path, busy_seconds=busy_seconds, network=network)
        try:
            await migrate(database)
        except StoreError:
            await database.close()
            raise
        return cls._around(database, network, clock, ledger_kept)

    @classmethod
    def _around(cls, database: Database, network: Network, clock: Callable[[], float], ledger_kept: float) -> Self:
        """Everything that is kept in this database."""
        chain = network.node if database.is_shared else ""
        tokens = StateTokens(database)
        batch = WriteBatch(database)  # one for both: who was served, and the trace of it, are written together
        return cls(
            database=database,
            tokens=tokens,
            certificates=Certificates(database, tokens, clock),
            bindings=Bindings(database, tokens, clock),
            keyservers=Keyservers(database, clock),
            sightings=Sightings(database, clock),
            enrolments=Enrolments(database, clock),
            invitations=Invitations(database, clock),
            ledger=StoredLedger(database, batch, tokens, clock, ledger_kept),
            trace=Trace(database, batch, chain),
            answers=Answers(database),
            leases=Leases(database, clock, network.node),
            nodes=Nodes(database, network.node, chain, clock),
            node_keys=NodeKeys(database, clock),
            node_removals=NodeRemovals(database, clock),
            own_keys=OwnKeys(database, clock),
            opened_mail=OpenedMail(database, batch, clock),
            pickups=Pickups(database, clock),
            persons=Persons(database, clock),
            approvals=Approvals(database, clock),
        )

    @property
    def is_shared(self) -> bool:
        """Whether several machines may use it."""
        return self.database.is_shared

    async def turns(self, lost: Callable[[int], None] = lambda _: None) -> Turns | None:
        """What keeps attempts at one transaction apart over all machines; None where there is one machine.

        `lost` is told how many mails in hand have lost their lock, as soon as that is known.

        Raises `StoreError` where the database cannot do that.
        """
        if self.database.sessions is None:
            return None
        from relay.store.turns import Turns  # noqa: PLC0415  loads the driver, which SQLite does not need

        found = Turns(self.database.sessions, self.ledger, self.tokens, lost)
        await found.open(lambda: self.database.write_beside(_backend))
        return found


def _backend(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
