"""Whether and where our own certificates can be found: a directory that they are written into, and WKD looked at.

Raises `OwnError` with a sentence, and `StoreError`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from relay.admin.owner import become_owner
from relay.config import Config
from relay.config.own import OwnLdap
from relay.keys.factory import build_wkd_client
from relay.keys.ldap.publisher import Publication, publish
from relay.keys.ldap.server import Server
from relay.keys.wkd.fetch_client import FetchClient
from relay.keys.wkd.port import Document
from relay.mail.certificate_parts import parts
from relay.model import Address, NotFound
from relay.model.errors import OpenPgpError, OwnError
from relay.model.own import OwnKey, OwnState
from relay.own import wkd_tree
from relay.store import Store

AT_ONCE = 4
"""Addresses that are looked up at the same time."""

NOT_FOUND = "not found"
DIFFERENT = "another certificate, or an older one"
NOT_WRITTEN = "the folder has another one: wkd export writes it"


@dataclass(frozen=True, slots=True)
class Look:
    """What is wrong for an address; nothing: what is found is what we publish."""

    address: Address
    fault: str


async def publish_ldap(config: Config, store: Store) -> int:
    """Write every published certificate into `own.ldap`, and delete those that are published no more; how many."""
    if config.own.ldap is None:
        raise OwnError("own.ldap is not set: it says which directory to write into")
    keys, now = await store.own_keys.all(), time.time()
    published = [key for key in keys if wkd_tree.is_published(key, now)]
    others = [key.fingerprint for key in keys if not wkd_tree.is_published(key, now)]
    wanted = [Publication(key.address, key.data, revoked=key.state is not OwnState.ACTIVE) for key in published]
    await publish(_server(config.own.ldap), wanted, others)
    return len(wanted)


async def check_wkd(config: Config, store: Store, file: BinaryIO) -> list[Look]:
    """For each published address: whether `lookup.wkd` finds what we publish, and its file is right (`read_folder`)."""
    now = time.time()
    ours = [key for key in await store.own_keys.all() if key.address.domain in config.own.domains]
    keys = [key for key in ours if wkd_tree.is_published(key, now)]
    client = build_wkd_client(config)
    turns = asyncio.Semaphore(AT_ONCE)
    old = frozenset(_not_written(file, wkd_tree.published(keys, now)))

    async def look(key: OwnKey) -> Look:
        async with turns:
            fault = await _fault(client, key)
        return Look(key.address, fault or (NOT_WRITTEN if wkd_tree.location(key) in old else ""))

    try:
        return await asyncio.gather(*map(look, keys))
    finally:
        await client.close()


def read_folder(config: Config, folder: Path, file: BinaryIO) -> int:
    """Put what the folder holds into `file`, for `check_wkd`; run by root, read as the folder's owner. Returns 0.

    If there is no such folder, `file` stays empty: the tree may be elsewhere.
    """
    become_owner(folder)
    try:
        if folder.is_dir():
            file.write(json.dumps(wkd_tree.digests(folder, config.own.domains)).encode())
    except OSError as error:
        raise OwnError(f"{folder} cannot be read: {error.strerror}") from error
    file.flush()
    return 0


def _not_written(file: BinaryIO, files: dict[str, bytes]) -> Iterable[str]:
    """The paths whose files in the folder are not these; none if there is no folder."""
    file.seek(0)
    octets = file.read()
    there = json.loads(octets) if octets else {path: wkd_tree.digest(data) for path, data in files.items()}
    return [path for path, data in files.items() if there.get(path) != wkd_tree.digest(data)]


async def _fault(client: FetchClient, key: OwnKey) -> str:
    async with client.fetched(key.address) as fetched:
        match fetched:
            case Document(certificates=cut, wholes=wholes):
                return "" if any(_same(one, key.data) for one in (*wholes, *cut)) else DIFFERENT
            case NotFound():
                return NOT_FOUND
            case outage:
                return outage.reason


def _same(one: bytes, other: bytes) -> bool:
    try:
        return parts(one) == parts(other)
    except OpenPgpError:
        return False


def _server(keys: OwnLdap) -> Server:
    password = keys.password_file.read_bytes().split(b"\n", 1)[0].rstrip(b"\r")
    return Server(
        url=keys.url,
        starttls=keys.starttls,
        ca_file=str(keys.ca_file) if keys.ca_file else None,
        bind_dn=keys.bind_dn,
        password=password.decode("utf-8", "surrogateescape"),
    )
