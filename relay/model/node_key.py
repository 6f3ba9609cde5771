"""The keys of nodes that share a database: secret keys are encrypted to them on their way from one node to another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class NodeKey:
    """The key that a node has published. It is not trusted before an administrator has compared the fingerprint."""

    node: str
    fingerprint: str
    certificate: bytes
    """The certificate in binary."""


class Act(StrEnum):
    """What a statement says about another node's key."""

    ADD = "add"
    REMOVE = "remove"
    """For good: a fingerprint that was removed is never trusted again."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement of one node about the key of another."""

    act: Act
    key: NodeKey
