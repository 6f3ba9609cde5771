"""Copies secret keys from each node to the others, encrypted to each node's own key.

Each node states in the database which secret keys it has (by name). A node that has more stores a parcel for the one
that lacks them, and that one takes it. Keys with a tombstone are neither given nor taken. Nothing happens on a node
that has no node key (`node add`). Raises `EngineError`, `StoreError` and `NodeError`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from pathlib import Path

from relay.daemon.node_trust import NodeTrust
from relay.daemon.secret_parcel import Parcel
from relay.model.errors import EngineError
from relay.model.node_key import NodeKey
from relay.openpgp import secret_files
from relay.openpgp.node_key import NodeIdentity
from relay.openpgp.node_trust import Trust
from relay.store import Store
from relay.telemetry import events
from relay.telemetry.events import Event

AT_ONCE = 500
"""The most secret keys in a parcel: some 200 KB."""
LOOK_AGAIN = 60.0
"""Seconds after which a round looks at everything, even where nothing seems to have changed."""
PATIENCE = 20.0
"""Seconds that the other nodes have to take the keys that were made here."""
STEP = 0.2


class SecretSharing:
    """Shares the secret keys of one node; `home` is its keyring folder."""

    def __init__(self, home: Path, store: Store, patience: float = PATIENCE) -> None:
        self.identity = NodeIdentity(home)
        self.trust = NodeTrust(self.identity, store.node_keys)
        self._home = home
        self._store = store
        self._patience = patience
        self._refused: set[str] = set()
        """Parcels of nodes that are not trusted, or not yet; those that a failing gpg did not read are among them."""
        self._told: set[str] = set()
        self._trusted = Trust()
        self._seen: object = None
        self._look_at = 0.0

    async def own(self) -> NodeKey:
        """The key of this node."""
        return await self.identity.own(self._store.nodes.name)

    async def round(self) -> None:
        """Take the parcels for this node, and give the others what they lack."""
        if not self.identity.exists:
            return
        own = await self.own()
        stamp = await self._store.node_keys.stamp(own.fingerprint)
        seen = (stamp, secret_files.changed(self._home))
        due = time.monotonic() >= self._look_at
        if seen == self._seen and stamp.parcels <= len(self._refused) and not due:
            return
        await self.trust.learn()
        if (trusted := self.trust.now) != self._trusted or due:
            self._refused.clear()
            self._trusted = trusted
        await self._take(own)
        for node, count in (await self.give()).items():
            events.log().info(Event.SECRETS_GIVEN, node=node, count=count)
        self._seen, self._look_at = seen, time.monotonic() + LOOK_AGAIN

    async def give(self) -> dict[str, int]:
        """Store parcels for every trusted node that lacks keys. Returns the number of secret keys for each node."""
        receivers = await self.receivers()
        if not receivers:
            return {}
        buried = await self._store.own_keys.buried_keygrips()
        there = await asyncio.to_thread(secret_files.names, self._home, buried)
        public = await secret_files.public(self._home)
        given = {receiver.node: await self._give(receiver, there, public) for receiver in receivers}
        return {node: count for node, count in given.items() if count}

    async def names(self) -> frozenset[str]:
        """The names of the secret keys that this node has now."""
        return await asyncio.to_thread(secret_files.names, self._home)

    async def share(self, names: Collection[str]) -> None:
        """Give the others what they lack, and wait until every node that runs has these.

        Raises `EngineError` where one has not taken them in time.
        """
        if not self.identity.exists or not names:
            return
        await self.trust.learn()  # a node that was added on another one a moment ago waits for them too
        await self.give()
        end = time.monotonic() + self._patience
        while lacking := await self._lacking(names):
            if time.monotonic() > end:
                raise EngineError(
                    f"node {', '.join(lacking)} has not taken the new secret keys, and nothing is published: "
                    "pgp-relay node list, there and here"
                )
            await asyncio.sleep(STEP)

    async def receivers(self) -> list[NodeKey]:
        """The keys of the other nodes that are trusted."""
        trusted = self.trust.now.keys
        return [
            key
            for key in await self._store.node_keys.all()
            if key.node != self._store.nodes.name
            and key.fingerprint in trusted
            and trusted[key.fingerprint].node == key.node
        ]

    async def _lacking(self, names: Collection[str]) -> list[str]:
        running = {node.name for node in await self._store.nodes.all() if node.runs}
        return [
            key.node
            for key in await self.receivers()
            if key.node in running and not await self._store.node_keys.holds(key.fingerprint, names)
        ]

    async def _give(self, receiver: NodeKey, there: Collection[str], public: bytes) -> int:
        public_name = secret_files.public_name(public)
        given = await self._store.node_keys.given(receiver.fingerprint)
        wanted = sorted(set(there) - given)
        pages = [wanted[at : at + AT_ONCE] for at in range(0, len(wanted), AT_ONCE)]
        if not pages and public and public_name not in given:
            pages = [[]]
        if not pages:
            return 0
        count, own = 0, await self.own()
        for page in pages:
            files = await asyncio.to_thread(secret_files.read, self._home, page)
            if not files and public_name in given:
                continue  # on a card, all of them
            message = await self.identity.encrypt(Parcel(files, public).packed(), receiver.certificate)
            await self._store.node_keys.send(own.fingerprint, receiver.fingerprint, [*files, public_name], message)
            count += len(files)
        return count

    async def _take(self, own: NodeKey) -> None:
        trusted = self.trust.now.keys
        while parcels := await self._store.node_keys.parcels(own.fingerprint, self._refused):
            # asked after them: one may have been deleted since it was sent
            buried = await self._store.own_keys.buried_keygrips()
            for number, message in parcels.items():
                spoken = await self.identity.heard(message, trusted)
                if spoken is None or not spoken.closed:
                    if number not in self._told:
                        events.log().warning(Event.SECRETS_REFUSED)
                    self._refused.add(number)
                    self._told.add(number)
                else:
                    names = await self._put(Parcel.unpacked(spoken.content), buried)
                    await self._store.node_keys.taken(own.fingerprint, [number], names)
        buried = await self._store.own_keys.buried_keygrips()
        there = await asyncio.to_thread(secret_files.names, self._home, buried)
        await self._store.node_keys.equalise(own.fingerprint, there, secret_files.PUBLIC)

    async def _put(self, parcel: Parcel, buried: Collection[str]) -> list[str]:
        """Store the keys of a parcel. Returns the names of those that are here now because of it."""
        if parcel.public:
            await secret_files.learn(self._home, parcel.public)
        written = await asyncio.to_thread(secret_files.write, self._home, parcel.files, buried)
        events.log().info(Event.SECRETS_TAKEN, count=len(written))
        return [*written, *([secret_files.public_name(parcel.public)] if parcel.public else [])]
