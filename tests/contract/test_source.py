"""What every `relay.pipeline.ports.Source` promises, over each implementation with its real peer.

The keyring over a store, LDAP at a real slapd (GnuPG's schema and a site's own), WKD over HTTPS with a process of its
own that asks. Another source joins by a line in SOURCES.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from lab.correspondent import Correspondent, in_days
from lab.slapd import PEOPLE, Slapd, person_entry
from lab.wkd import WkdServer

from relay.keys.keyring import Keyring
from relay.keys.ldap.server import Server
from relay.keys.ldap.source import Ldap
from relay.keys.wkd.fetch_client import FetchClient
from relay.keys.wkd.port import Settings
from relay.keys.wkd.source import Wkd
from relay.mail.packets import split_certificates
from relay.model import Address, Certificate, Entry, Found, Lookup, NotFound, Origin, Outage, Unusable, Why
from relay.model.wkd_location import hashed
from relay.openpgp.examiner import GnuPGExaminer
from relay.pipeline.ports import Source
from relay.store import Store

DOMAIN = "ville.example"
GOOD, REVOKED, EXPIRED, TWO = (Address(f"{name}@{DOMAIN}") for name in ("good", "revoked", "expired", "two"))
NOBODY = [Address(text) for text in (f"nobody@{DOMAIN}", f"ood@{DOMAIN}", f"g\udcffd@{DOMAIN}", "postmaster")]


class Keys:
    """Of each address, as its owner publishes them."""

    def __init__(self, person: Correspondent) -> None:
        good, revoked = (person.new_key(f"<{address}>") for address in (GOOD, REVOKED))
        expired = person.new_key(f"<{EXPIRED}>", created="20200101T120000", expires=in_days(-9))
        old = person.new_key(f"<{TWO}>", created="20200101T120000")
        self.newest = person.new_key(f"<{TWO}>", created="20250101T120000")
        person.revoke(revoked)
        self.fingerprints = {GOOD: good, REVOKED: revoked, EXPIRED: expired}
        self.octets = {address: person.export(key) for address, key in self.fingerprints.items()}
        self.octets[TWO] = person.export(old, self.newest)


Down = Callable[[], object]
"""Takes away what the source asks."""
Made = tuple[Source, Down]


@asynccontextmanager
async def keyring(folder: Path, keys: Keys) -> AsyncIterator[Made]:
    async with await Store.open(folder / "store.db") as store:
        several = [part for octets in keys.octets.values() for part in split_certificates(octets)]
        verdicts = await GnuPGExaminer().examine(several)
        await store.certificates.upsert([Entry(v, Origin.IMPORTED, 1) for v in verdicts if isinstance(v, Certificate)])
        yield Keyring(store.certificates), lambda: asyncio.ensure_future(store.close())


@asynccontextmanager
async def ldap_site(_folder: Path, keys: Keys) -> AsyncIterator[Made]:
    with Slapd() as directory:
        directory.add_root()
        directory.add("".join(person_entry(a.local, [a.text], octets) for a, octets in keys.octets.items()))
        server = Server(directory.url, base=PEOPLE, filter="(mail={address})", attribute="siteKey", timeout=30)
        source = Ldap([server], GnuPGExaminer())
        yield source, directory.stop
        await source.close()


@asynccontextmanager
async def wkd(folder: Path, keys: Keys) -> AsyncIterator[Made]:
    host = f"openpgpkey.{DOMAIN}"
    place = folder / "tree" / DOMAIN / "hu"
    place.mkdir(parents=True)
    for address, octets in keys.octets.items():
        (place / hashed(address.local.encode())).write_bytes(octets)
    async with WkdServer(folder / "tree") as server:
        settings = Settings.of(ca_file=server.ca_file, connect_to=server.connect_to(host), timeout=30)
        source = Wkd(GnuPGExaminer(), FetchClient(settings))

        async def fail(_: object) -> None:
            raise ConnectionResetError

        yield source, lambda: server.behaviours.update({host: fail})
        await source.close()


SOURCES: dict[str, Callable[[Path, Keys], AbstractAsyncContextManager[Made]]] = {
    "keyring": keyring,
    "ldap": ldap_site,
    "wkd": wkd,
}


@pytest.fixture(scope="module")
def keys() -> Keys:
    with Correspondent() as person:
        return Keys(person)


@pytest.fixture(params=SOURCES)
async def made(request: pytest.FixtureRequest, keys: Keys, tmp_path: Path) -> AsyncIterator[Made]:
    async with SOURCES[request.param](tmp_path, keys) as source:
        assert source[0].name == request.param
        yield source


async def ask(made: Made, address: Address) -> Lookup:
    async with asyncio.timeout(60):
        answer = await made[0].lookup(address)
    assert answer.source == made[0].name
    return answer


async def test_a_usable_key_is_found_with_its_address_however_that_is_written(made: Made, keys: Keys) -> None:
    for address in (GOOD, Address(f'"good"@{DOMAIN.upper()}')):
        answer = await ask(made, address)
        assert isinstance(answer, Found), address
        assert answer.certificate.fingerprint == keys.fingerprints[GOOD]
        assert GOOD in answer.certificate.addresses
        assert answer.method


@pytest.mark.parametrize(("address", "why"), [(REVOKED, Why.REVOKED), (EXPIRED, Why.EXPIRED)])
async def test_a_key_that_must_not_be_used_is_unusable_says_why_and_comes_with_the_certificate(
    made: Made, keys: Keys, address: Address, why: Why
) -> None:
    answer = await ask(made, address)
    assert isinstance(answer, Unusable)
    assert (answer.why, answer.fingerprint) == (why, keys.fingerprints[address])
    assert answer.certificate
    assert answer.certificate.fingerprint == answer.fingerprint


async def test_of_two_usable_keys_the_newest_is_found(made: Made, keys: Keys) -> None:
    answer = await ask(made, TWO)
    assert isinstance(answer, Found)
    assert answer.certificate.fingerprint == keys.newest


async def test_no_key_is_said_for_addresses_that_have_none(made: Made) -> None:
    for address in NOBODY:
        assert isinstance(await ask(made, address), NotFound), address


async def test_what_cannot_be_asked_is_an_outage_and_nothing_is_raised(made: Made) -> None:
    made[1]()
    await asyncio.sleep(0.1)
    for address in (Address(f"new@{DOMAIN}"), Address(f"newer@{DOMAIN}")):
        answer = await ask(made, address)
        assert isinstance(answer, Outage)
        assert answer.reason


async def test_many_at_once_each_get_their_own_answer(made: Made) -> None:
    answers = await asyncio.gather(*(ask(made, address) for address in (GOOD, REVOKED, NOBODY[0]) * 10))
    assert [type(answer) for answer in answers] == [Found, Unusable, NotFound] * 10
