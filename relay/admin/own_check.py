"""Whether own addresses can sign, and whether the field that announces their keys is covered by DKIM, for `check`.

The DKIM signers whose configuration is looked at are those of this machine, where their files can be read. Raises
`OwnError`, `EngineError` and `StoreError` where an own address could not sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from relay.config import Config
from relay.daemon.engines import EngineSettings, passphrase
from relay.daemon.own import build_existing
from relay.daemon.storage import opened_store
from relay.mail.autocrypt import NAME
from relay.model import Signer
from relay.model.errors import OwnError
from relay.model.own import OwnKey

LARGEST = 1 << 20
"""Octets of a file that is read."""
ROOT = Path("/")
OPENDKIM = "etc/opendkim.conf"
RSPAMD = ("etc/rspamd/local.d/dkim_signing.conf", "etc/rspamd/override.d/dkim_signing.conf")

_OPENDKIM_SIGNS = re.compile(r"^[ \t]*SignHeaders[ \t]+(\S.*)$", re.IGNORECASE | re.MULTILINE)
_RSPAMD_SIGNS = re.compile(r"^[ \t]*sign_headers[ \t]*[=:]?[ \t]*[\"']([^\"']*)[\"']", re.IGNORECASE | re.MULTILINE)


async def addresses(config: Config) -> str:
    """Who may sign, and that one of them does."""
    existing = len(await build_existing(config).addresses())
    async with opened_store(config) as store:
        if await store.own_keys.organisation() is None:
            raise OwnError("the organisation has no key yet: pgp-relay own create NAME")
        keys = [key for key in await store.own_keys.all() if key.signs]
    if keys:
        await _signs(config, keys[0])
    counts = f"{len(keys)} have a certificate{f', {existing} exist' if existing else ''}"
    return "; ".join([counts, *_remarks(config)])


async def _signs(config: Config, key: OwnKey) -> None:
    engine = EngineSettings(config.engine, config.keyring, config.deadlines.gpg, passphrase(config)).engine()
    await engine.sign(b"", Signer(key.fingerprint, key.data))


def _remarks(config: Config) -> Iterator[str]:
    if config.own.autocrypt == "off":
        return
    if not config.inbound.listen:
        yield "own.autocrypt publishes keys, but inbound.listen is empty: nobody can open encrypted answers"
    yield from uncovered(ROOT)


def uncovered(root: Path) -> Iterator[str]:
    """The DKIM signers of this machine that leave the Autocrypt field out, and what to write there."""
    if (text := _read(root / OPENDKIM)) is not None and not _opendkim_covers(text):
        yield f"OpenDKIM does not sign the Autocrypt field: write SignHeaders *,+{NAME} in /{OPENDKIM}"
    for file in RSPAMD:
        found = _RSPAMD_SIGNS.findall(_without_comments(_read(root / file) or ""))
        if found and NAME not in found[-1].lower():  # its default has it
            yield f"rspamd does not sign the Autocrypt field: add (x){NAME} to sign_headers in /{file}"


def _opendkim_covers(text: str) -> bool:
    found = _OPENDKIM_SIGNS.findall(_without_comments(text))
    names = [name.strip().lower() for name in found[-1].split(",")] if found else []
    return NAME in names or f"+{NAME}" in names or any(name.startswith(("/", "file:", "refile:")) for name in names)


def _without_comments(text: str) -> str:
    return re.sub(r"#.*", "", text)


def _read(file: Path) -> str | None:
    """None where it is not there, or not for us."""
    try:
        with file.open("rb") as source:
            return source.read(LARGEST).decode("utf-8", "replace")
    except OSError:
        return None
