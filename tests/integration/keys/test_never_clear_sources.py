"""An address that a source once had a certificate for is never answered "no key": states x ways x later events.

Real GnuPG keys, a real slapd and a real HTTPS server; each engine's examiner. "No key" is the one answer that lets a
rule which prefers encryption send in cleartext.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.certificates import join, split
from lab.correspondent import Correspondent, in_days
from lab.shared import CERTS
from lab.slapd import PEOPLE, Slapd, person_entry
from lab.wkd import WkdServer

from relay.config.loader import load
from relay.daemon.engines import build_pooled_examiner
from relay.keys.factory import build_resolver
from relay.model import Address, Found, Lookup, NotFound
from relay.model.wkd_location import hashed
from relay.store import Store

DOMAIN = "pref.example"
HOST = f"openpgpkey.{DOMAIN}"
CASES = CERTS.parent / "cases"
FILES = {"allmd5": "allmd5.gpg", "one": "uid-two-addresses.asc", "mt": "uid-mailto.asc"}
"""By the local part that a person sees in them."""
SIGNATURE, SUBKEY = 2, 14


def states(person: Correspondent) -> dict[str, bytes]:
    """The certificate of STATE@DOMAIN, by its local part."""

    def new(name: str, **times: str) -> str:
        return person.new_key(f"<{name}@{DOMAIN}>", **times)

    def odd(user_id: str) -> bytes:
        words = ("--allow-freeform-uid", "--faked-system-time", "20240101T120000!", "--quick-generate-key", user_id)
        person.gpg(*words, "future-default", "default", "never")
        return person.export(f"={user_id}")

    good, bare, broken, revoked = new("valid"), new("no-encryption"), new("broken"), new("revoked")
    person.revoke(revoked)
    several = new("several")
    person.gpg("--quick-add-uid", several, f"<other@{DOMAIN}>")
    made = {
        "valid": person.export(good),
        "revoked": person.export(revoked),
        "expired": person.export(new("expired", created="20200101T120000", expires=in_days(-9))),
        "no-encryption": _without_subkeys(person.export(bare)),
        "broken": _with_a_bad_signature(person.export(broken)),
        "several": person.export(several),
        "future": person.export(new("future", created="20350101T120000")),
        "open": odd(f"Open <open@{DOMAIN}"),
        "praxis": odd(f"praxis@{DOMAIN} (Praxis)"),
        "two": person.export(new("two", created="20200101T120000"), new("two", created="20250101T120000")),
    }
    return made | {local: (CASES / file).read_bytes() for local, file in FILES.items() if (CASES / file).exists()}


def _without_subkeys(octets: bytes) -> bytes:
    parts = split(octets)
    return join(parts[: next(n for n, (tag, _) in enumerate(parts) if tag == SUBKEY)])


def _with_a_bad_signature(octets: bytes) -> bytes:
    """No self-signature holds any more."""
    return join((tag, part[:-1] + bytes([part[-1] ^ 1]) if tag == SIGNATURE else part) for tag, part in split(octets))


@dataclass
class Place:
    """Where keys stand, and how to take them away."""

    settings: str
    withdraw: Callable[[], None]
    fail: Callable[[], None]


@asynccontextmanager
async def by_wkd(folder: Path, keys: dict[str, bytes]) -> AsyncIterator[Place]:
    tree = folder / "tree"
    (tree / DOMAIN / "hu").mkdir(parents=True)
    for local, octets in keys.items():
        (tree / DOMAIN / "hu" / hashed(local.encode())).write_bytes(octets)
    async with WkdServer(tree) as server:

        async def reset(_: object) -> None:
            raise ConnectionResetError

        settings = f"wkd: {{timeout: 30s, ca_file: {server.ca_file}, connect_to: {server.connect_to(HOST)}}}"
        yield Place(settings, lambda: shutil.rmtree(tree / DOMAIN), lambda: server.behaviours.update({HOST: reset}))


@asynccontextmanager
async def by_ldap(_folder: Path, keys: dict[str, bytes]) -> AsyncIterator[Place]:
    with Slapd() as directory:
        directory.add_root()
        entries = [person_entry(local, [f"{local}@{DOMAIN}"], octets) for local, octets in keys.items()]
        directory.add("".join(entries))
        server = f"url: '{directory.url}', base: '{PEOPLE}', filter: '(mail={{address}})', attribute: siteKey"
        settings = f"ldap: [{{{server}, timeout: 30s}}]"
        gone = "".join(f"dn: cn={local},{PEOPLE}\nchangetype: delete\n\n" for local in keys)
        yield Place(settings, lambda: directory.modify(gone), directory.stop)


WAYS = {"wkd": by_wkd, "ldap": by_ldap}


@pytest.fixture(scope="module")
def keys() -> Iterator[dict[str, bytes]]:
    with Correspondent() as person:
        yield states(person)


@contextmanager
def configured(folder: Path, *, way: str, engine: str, listed: bool, place: Place) -> Iterator[Path]:
    file = folder / "config.yaml"
    sources = f"[keyring, {way}]" if listed else f"[{way}]"
    file.write_text(
        "listen: [lmtp://127.0.0.1:10025]\nreinject: smtp://127.0.0.1:10026\n"
        f"engine: {engine}\npolicy: [{{name: all, encrypt: preferred}}]\n"
        f"lookup:\n  sources: {sources}\n  timeout: 60s\n  {place.settings}\n"
        "  cache: {found: 0s, not_found: 0s, unavailable: 0s}\n"
    )
    yield file


async def ask(file: Path, folder: Path, names: list[str]) -> dict[str, Lookup]:
    """What a relay that has just been started answers: nothing is remembered but what the store has."""
    config = load(file)
    async with await Store.open(folder / "store.db") as store:
        resolver = build_resolver(config, store, lambda: build_pooled_examiner(config))
        try:
            wanted = {Address(f"{name}@{DOMAIN}"): frozenset({"wkd"}) for name in names}
            return {address.local: found for address, found in (await resolver.find_all(wanted)).items()}
        finally:
            await resolver.close()


@pytest.mark.parametrize("listed", [True, False], ids=["keyring listed", "sources alone"])
@pytest.mark.parametrize("engine", ["gnupg", "sequoia"])
@pytest.mark.parametrize("way", WAYS)
async def test_what_a_source_had_is_never_no_key_again(  # noqa: PLR0913  a table
    tmp_path: Path,
    keys: dict[str, bytes],
    record_property: Callable[[str, object], None],
    way: str,
    engine: str,
    *,
    listed: bool,
) -> None:
    names, seen = [*keys], 0
    async with WAYS[way](tmp_path, keys) as place:
        with configured(tmp_path, way=way, engine=engine, listed=listed, place=place) as file:
            for event in (None, place.withdraw, None, place.fail, None):
                if event:
                    await asyncio.to_thread(event)
                for name, answer in (await ask(file, tmp_path, names)).items():
                    assert not isinstance(answer, NotFound), (name, event)
                    assert isinstance(answer, Found) == (name in {"valid", "several", "two"}), (name, event, answer)
                    seen += 1
    record_property("counted", f"{seen} answers for {len(names)} states by {way}, {engine}: none of them is no key")
