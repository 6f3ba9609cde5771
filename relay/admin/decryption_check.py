"""Whether mail that is encrypted to own addresses can be opened here, for `check`.

Raises `OwnError`, `EngineError` and `StoreError` where some of it could not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from relay.config import Config
from relay.daemon.engines import EngineSettings, build_examiner
from relay.daemon.openers import build_opener
from relay.daemon.own import build_maker
from relay.daemon.storage import opened_store
from relay.model import Certificate
from relay.model.errors import OwnError
from relay.model.opened import Entitled, Opened
from relay.model.own import OwnKey
from relay.own.ports import KeyMaker

NAMED = 3
"""Addresses that are named in the sentence."""
EXPANDING = "auto-expand-secmem"


async def decryption(config: Config) -> str:
    """Every encryption subkey that is not deleted has its secret part in the keyring folder, and the newest opens."""
    async with opened_store(config) as store:
        keys = await store.own_keys.all()
        deleted = await store.own_keys.deleted(one.fingerprint for key in keys for one in key.subkeys)
        if not keys:
            return "no address has a certificate yet"
        lacking = await _lacking(await build_maker(config, store), keys, deleted)
    if lacking:
        more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
        raise OwnError(
            f"secret parts are missing, and mail encrypted to them waits: {', '.join(lacking[:NAMED])}{more}: "
            "restore a backup made with --with-decryption-keys, or take them from another node"
        )
    await _opens(config, max(keys, key=lambda key: key.created))
    count = sum(len(key.subkeys) for key in keys) - len(deleted)
    return "; ".join([f"{count} encryption subkeys have their secret part, the newest one decrypts", *_remarks(config)])


async def _lacking(maker: KeyMaker, keys: Collection[OwnKey], deleted: Collection[str]) -> list[str]:
    """The addresses with a secret part that is missing."""
    return [key.address.text for key in keys if any(one.fingerprint not in deleted for one in await maker.missing(key))]


async def _opens(config: Config, key: OwnKey) -> None:
    (certificate,) = await build_examiner(config).examine([key.data])
    if not isinstance(certificate, Certificate) or certificate.primary.revoked:
        return  # nobody encrypts to it any more
    engine = EngineSettings(config.engine, config.keyring, config.deadlines.gpg, None).engine()
    message = await engine.encrypt(b"", [certificate], None)
    found = await build_opener(config)[0].open(message, Entitled((key,)), [])
    if not isinstance(found, Opened):
        raise OwnError(f"what is encrypted to {key.address.text} does not open here: {found.reason.value}")


def _remarks(config: Config) -> Iterator[str]:
    if config.engine == "gnupg" and not _expands(config.keyring / "gpg-agent.conf"):
        yield f"add a line {EXPANDING} to gpg-agent.conf in the keyring folder: or gpg-agent may run out of memory"


def _expands(file: Path) -> bool:
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(line.split()[:1] == [EXPANDING] for line in lines)
