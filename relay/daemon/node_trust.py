"""Whose keys this node trusts, and the statements of other nodes about that: rows in the database, each signed.

A trusted node can vouch for another one. So an administrator compares the fingerprint of a new node on one of the
others, and that node's fingerprint on the new one. Raises `EngineError`, `StoreError` and `NodeError`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress

from relay.model.errors import EngineError
from relay.model.node_key import Act, NodeKey, Statement
from relay.openpgp import node_key
from relay.openpgp.node_key import NodeIdentity
from relay.openpgp.node_trust import Trust, TrustFile
from relay.store import NodeKeys


class NodeTrust:
    """The keys that this node trusts."""

    def __init__(self, identity: NodeIdentity, keys: NodeKeys) -> None:
        self._identity = identity
        self._keys = keys
        self._file = TrustFile(identity.folder)
        self._heard: set[bytes] = set()

    @property
    def now(self) -> Trust:
        """The keys that are trusted now."""
        return self._file.read()

    async def add(self, key: NodeKey) -> None:
        """Trust a key that this node's administrator has compared; nodes that trust this one then trust it too."""
        await self._follow(Statement(Act.ADD, key), "")
        await self._say(Statement(Act.ADD, key))

    async def remove(self, key: NodeKey) -> None:
        """Stop trusting a key, on all nodes. Nodes that it vouched for stay trusted: this node vouches for them."""
        vouched = [fingerprint for fingerprint, known in self.now.keys.items() if known.by == key.fingerprint]
        await self._follow(Statement(Act.REMOVE, key), "")
        await self._say(Statement(Act.REMOVE, key))
        for other in await self._keys.all():
            if other.fingerprint in vouched:
                await self._say(Statement(Act.ADD, other))

    async def learn(self) -> None:
        """Apply what trusted nodes have stated since; the statements of a node that becomes trusted count in turn."""
        while await self._learn():
            pass

    async def _learn(self) -> bool:
        trusted, followed = frozenset(self.now.keys), False
        for message in await self._keys.statements():
            digest = hashlib.sha256(message).digest()
            if digest in self._heard:
                continue
            spoken = await self._identity.heard(message, trusted)
            if spoken is None:
                continue  # whose it is may be trusted later
            with suppress(EngineError):  # it cannot be understood, or gpg fails: it is heard again at the next look
                followed |= await self._follow(_statement(spoken.content), spoken.by)
                self._heard.add(digest)
        return followed

    async def _follow(self, statement: Statement, by: str) -> bool:
        key = statement.key
        before = self.now
        if statement.act is Act.REMOVE:
            return self._file.change(lambda trust: trust.without(key.fingerprint)) != before
        await self._identity.learn(key.certificate)
        return self._file.change(lambda trust: trust.with_key(key, by)) != before

    async def _say(self, statement: Statement) -> None:
        key = statement.key
        words = {
            "act": statement.act.value,
            "node": key.node,
            "fingerprint": key.fingerprint,
            "certificate": base64.b64encode(key.certificate).decode("ascii"),
        }
        await self._keys.say(await self._identity.sign(json.dumps(words, sort_keys=True).encode()))


def _statement(content: bytes) -> Statement:
    try:
        words = json.loads(content)
        act, node = Act(words["act"]), str(words["node"])
        if act is Act.REMOVE:
            return Statement(act, NodeKey(node, str(words["fingerprint"]), b""))
        return Statement(act, node_key.read(node, base64.b64decode(words["certificate"], validate=True)))
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError("a statement about a node's key cannot be understood") from error
