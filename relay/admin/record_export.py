"""The changes that people and the relay made, as a file: CSV for a table, or JSON with a signature over it.

The signed file is one JSON object: `content`, a text that is JSON itself; `signature`, an armored OpenPGP signature
over that text's octets; `signed_by`, a fingerprint. Without a key that signs the last two are null. `newest` in the
content is the newest link of this node's hash chain, to be compared with the log. Raises `StoreError`, `EngineError`.
"""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime

from relay.admin import trace
from relay.config import Config
from relay.daemon.engines import passphrase
from relay.mail.armor import enarmor
from relay.model.key_change import KeyChange
from relay.model.signer import Signer
from relay.openpgp import signing
from relay.openpgp.gnupg import GnuPG
from relay.store import Selection, Store

MOST = 20_000
"""The most changes in one file: the newest ones."""
_COLUMNS = ("time", "actor", "address", "old", "new", "reason")
_FORMULA = re.compile(r"(^|[,;|\t\r\n])(?=[\s\"']{0,20}[=+\-@\uff1d\uff0b\uff0d\uff20]|[\s\"']{21})|^(?=[\t\r])")
"""Text that a spreadsheet may take for a formula; strangers choose addresses. A formula may stand at the beginning of a
cell, and after `;`, which separates cells in French spreadsheets. East Asian ones accept full-width signs too. If there
are more blanks than are searched, there may be one behind them.
"""


async def as_csv(store: Store, wanted: Selection) -> str:
    """The changes as CSV (RFC 4180) with a line of column names; times in UTC."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(_COLUMNS)
    for change in await _changes(store, wanted):
        rows.writerow(_plain(_object(change)[name] for name in _COLUMNS))
    return text.getvalue()


async def as_signed(config: Config, store: Store, wanted: Selection, actor: str) -> str:
    """The changes as JSON, signed with the organisation's key, or else with the key of `sign.default`."""
    heads = [f"{name}:{number}" if name else str(number) for name, number in (await store.trace.last_numbers()).items()]
    content = json.dumps(
        {
            "exported": _moment(time.time()),
            "by": actor,
            "newest": str(await store.trace.logged()),
            "rows_of_chains": heads,
            "changes": [_object(change) for change in await _changes(store, wanted)],
        },
        ensure_ascii=False,
        indent=1,
    )
    fingerprint = await _signer(config, store)
    signature = None
    if fingerprint:
        engine = GnuPG(config.keyring, config.deadlines.gpg, passphrase(config))
        signature = enarmor(await engine.sign(content.encode(), Signer(fingerprint)), "SIGNATURE").decode("ascii")
    return json.dumps(
        {"content": content, "signature": signature, "signed_by": fingerprint or None}, ensure_ascii=False
    )


async def _signer(config: Config, store: Store) -> str:
    """The fingerprint of the key that signs; empty where there is none."""
    if organisation := await store.own_keys.organisation():
        return organisation
    return await signing.resolve(config.keyring, config.sign.default) if config.sign.default else ""


async def _changes(store: Store, wanted: Selection) -> list[KeyChange]:
    return [KeyChange.of(record) async for record in trace.rows(store, wanted)]


def _object(change: KeyChange) -> dict[str, str]:
    return {**asdict(change), "time": _moment(change.time)}


def _plain(texts: Iterable[str]) -> list[str]:
    return [_FORMULA.sub(r"\1'", text) for text in texts]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
