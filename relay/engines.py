"""Which OpenPGP software seals and judges: `engine` of the configuration, made into parts.

Raises `ConfigError` where the extra `sequoia` is not installed.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from relay.config import Config
from relay.errors import ConfigError, Fault
from relay.openpgp.examine import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG
from relay.ports import Engine, Examiner

EXTRA = "engine: sequoia needs the extra of that name: pip install 'pgp-relay[sequoia]'"


def build_engine(config: Config) -> Engine:
    """What seals."""
    keys = (config.keyring, config.deadlines.gpg, passphrase(config))
    if config.engine == "gnupg":
        return GnuPG(*keys)
    engine: Engine = _sequoia().Sequoia(*keys)
    return engine


async def opened_engine(config: Config, signers: Iterable[str]) -> Engine:
    """The same, with its secret keys opened: a passphrase that is wrong shows at start. Raises `EngineError`."""
    engine = build_engine(config)
    if config.engine == "sequoia" and isinstance(engine, _sequoia().Sequoia):
        await engine.prepare(signers)
    return engine


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
