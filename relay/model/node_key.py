"""The keys of nodes that share a database: what secret keys are encrypted to on their way from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class NodeKey:
    """What a node says of itself; nobody relies on it before an administrator has compared the fingerprint."""

    node: str
    fingerprint: str
    certificate: bytes
    """Binary OpenPGP."""


class Act(StrEnum):
    """What one node tells the others of another one's key."""

    ADD = "add"
    REMOVE = "remove"
    """For good: a fingerprint that was removed is never trusted again."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One node's word about the key of another."""

    act: Act
    key: NodeKey
