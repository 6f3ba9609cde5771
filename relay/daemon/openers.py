"""What opens mail that came in: `engine` of the configuration, made into `ports.Opener`, here and in the pool.

Raises `ConfigError` where the extra `sequoia` is not installed.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from relay.config import Config
from relay.daemon.engines import Kind, sequoia
from relay.model.opened import Reason
from relay.openpgp.agent import Agent
from relay.openpgp.gnupg_verifier import GnuPGVerifier
from relay.openpgp.opener import OwnOpener
from relay.pipeline.open import Finding, OpenInPool, OpenJob, examined
from relay.pipeline.ports import Opener
from relay.process.pool import Document


@dataclass(frozen=True, slots=True)
class OpenerSettings:
    """What an opener is made of, here or in another process."""

    kind: Kind
    home: Path
    timeout: float
    most: int
    """Octets of a mail."""

    def opener(self) -> Opener:
        """Make an opener with these settings."""
        if self.kind == "gnupg":
            return OwnOpener(Agent(self.home, self.timeout), GnuPGVerifier(self.home, self.timeout), self.most)
        opener: Opener = sequoia().SequoiaOpener(self.home, self.timeout, self.most)
        return opener


def build_opener(config: Config) -> tuple[Opener, OpenInPool]:
    """What opens mail in this process, and a function that opens large mail in a process of the pool."""
    settings = OpenerSettings(config.engine, config.keyring, config.deadlines.gpg, config.max_message_size)

    async def in_pool(job: OpenJob, document: Document) -> Finding | Reason:
        return await document.run_last(open_in_pool, settings, job)

    return settings.opener(), in_pool


def open_in_pool(settings: OpenerSettings, job: OpenJob) -> Awaitable[Finding | Reason]:
    """In a process of the pool, which makes an opener of its own once: what is in the mail."""
    return examined(_made(settings), job)


@lru_cache(maxsize=2)
def _made(settings: OpenerSettings) -> Opener:
    return settings.opener()
