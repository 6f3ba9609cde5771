"""Which OpenPGP software seals and judges: `engine` of the configuration, made into parts.

Raises `ConfigError` where the extra `sequoia` is not installed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Literal

from relay.aside import beside
from relay.config import Config
from relay.errors import ConfigError, Fault
from relay.openpgp import signing
from relay.openpgp.examine import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG
from relay.ports import Engine, Examiner
from relay.protect import Beside, Order, sealed

EXTRA = "engine: sequoia needs the extra of that name: pip install 'pgp-relay[sequoia]'"


@dataclass(frozen=True, slots=True)
class Making:
    """What an engine is made of, here or in another process."""

    kind: Literal["gnupg", "sequoia"]
    home: Path
    timeout: float
    passphrase: bytes | None = field(repr=False)

    def engine(self) -> Engine:
        """A new one."""
        make = GnuPG if self.kind == "gnupg" else _sequoia().Sequoia
        engine: Engine = make(self.home, self.timeout, self.passphrase)
        return engine


async def build_engine(config: Config, signers: Iterable[str]) -> tuple[Engine, Beside]:
    """What seals here, and what has large messages sealed in a process beside.

    There the engine is made anew, once, and opens its secret keys itself: the passphrase goes over a pair of
    unnamed sockets, and no key does. Here the secret keys are opened at once: a wrong passphrase shows at start.
    Raises `EngineError`.
    """
    making = Making(config.engine, config.keyring, config.deadlines.gpg, passphrase(config))
    engine = making.engine()
    if config.engine == "sequoia" and isinstance(engine, _sequoia().Sequoia):
        await engine.prepare(signers)

    async def elsewhere(order: Order) -> bytes:
        return await beside(len(order.content), sealed_beside, making, order)

    return engine, elsewhere


def sealed_beside(making: Making, order: Order) -> Awaitable[bytes]:
    """What the process beside does. The order is its coroutine's alone."""
    return sealed(_made(making), order)


@lru_cache(maxsize=2)
def _made(making: Making) -> Engine:
    return making.engine()


async def answers(config: Config) -> None:
    """What signs is still there, as gpg-agent says; without a signing key, that gpg runs. Raises `EngineError`."""
    selectors = {*config.sign.senders.values(), *([config.sign.default] if config.sign.default else [])}
    for selector in selectors:
        await signing.resolve(config.keyring, selector)
    if not selectors:
        await signing.secret_keys(config.keyring)


def build_examiner(config: Config) -> Examiner:
    """What judges certificates."""
    if config.engine == "gnupg":
        return GnuPGExaminer(config.deadlines.gpg)
    examiner: Examiner = _sequoia().SequoiaExaminer(config.deadlines.gpg)
    return examiner


def passphrase(config: Config) -> bytes | None:
    """The first line of `sign.passphrase_file`."""
    file = config.sign.passphrase_file
    return file.read_bytes().split(b"\n", 1)[0].rstrip(b"\r") if file else None


def _sequoia() -> ModuleType:
    try:
        from relay.openpgp import sequoia  # noqa: PLC0415  an extra: not everybody has it
    except ImportError as error:
        raise ConfigError((Fault("engine", 0, EXTRA),)) from error
    return sequoia
