"""Faults in combinations of values that are each valid: what is wrong, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from relay.config import feature_checks, network_checks
from relay.config.checks import Problem
from relay.config.model import Config


def contradictions(config: Config, unsure: frozenset[str]) -> Iterator[Problem]:
    """All such faults, except those that depend on a key in `unsure`, whose value is not known."""
    yield from network_checks.CHECKS.problems(config, unsure)
    yield from feature_checks.CHECKS.problems(config, unsure)
