"""GnuPG's schema in a real OpenLDAP: version 2 filled by gpg itself, version 1 by hand."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from lab.correspondent import Correspondent
from lab.slapd import KEYSPACE, Slapd

from relay.keys.ldap.connection import Connection
from relay.keys.ldap.filter import escape
from relay.keys.ldap.schema import Search
from relay.keys.ldap.server import Server
from relay.keys.ldap.source import Ldap
from relay.model import Address, Certificate, Found, NotFound, Unusable, Why
from relay.openpgp.examiner import GnuPGExaminer

pytest.importorskip("bonsai")


@dataclass
class KeyServer:
    directory: Slapd
    person: Correspondent
    keys: dict[str, str]


def read_only(directory: Slapd) -> Server:
    return Server(directory.url, timeout=30)


@pytest.fixture(scope="module")
def version_2() -> Iterator[KeyServer]:
    with Slapd() as directory, Correspondent() as person:
        directory.add_root()
        directory.add_server_info()
        keys = {
            "bob": person.new_key("Bob <Bob@Example.org>"),
            "twice old": person.new_key("Twice <twice@example.org>", created="20230101T120000"),
            "twice new": person.new_key("Twice <twice@example.org>", created="20250101T120000"),
            "revoked": person.new_key("Rita <rita@example.org>"),
            "expired": person.new_key("Erna <erna@example.org>", expires="2024-06-01"),
            "disabled": person.new_key("Dora <dora@example.org>"),
            "star": person.new_key("Odd <*)(uid=*@example.org>"),
            "bare": person.new_key("bare@example.org"),
            "utf-8": person.new_key("Zoé <zoé@example.org>"),
        }
        person.revoke(keys["revoked"])
        person.send(directory.writable, *keys.values())
        dn = f"pgpCertID={keys['disabled'][-16:]},{KEYSPACE}"
        directory.modify(f"dn: {dn}\nchangetype: modify\nreplace: pgpDisabled\npgpDisabled: 1\n")
        yield KeyServer(directory, person, keys)


@pytest.fixture
async def source(version_2: KeyServer) -> AsyncIterator[Ldap]:
    source = Ldap([read_only(version_2.directory)], GnuPGExaminer())
    yield source
    await source.close()


@pytest.mark.parametrize("address", ["bob@example.org", "BOB@EXAMPLE.ORG", "Bob@Example.org"])
async def test_what_gpg_sent_is_found_by_address(version_2: KeyServer, source: Ldap, address: str) -> None:
    found = await source.lookup(Address(address))
    assert isinstance(found, Found)
    assert (found.certificate.fingerprint, found.source, found.method) == (
        version_2.keys["bob"],
        "ldap",
        "ldap/gpgMailbox",
    )


async def test_gpg_itself_finds_the_same_certificate(version_2: KeyServer, source: Ldap) -> None:
    for address in ("bob@example.org", "bare@example.org"):
        found = await source.lookup(Address(address))
        assert isinstance(found, Found)
        with Correspondent() as stranger:
            assert stranger.locate(version_2.directory.url, address) == found.certificate.fingerprint


async def test_the_newest_of_two_is_found(version_2: KeyServer, source: Ldap) -> None:
    found = await source.lookup(Address("twice@example.org"))
    assert isinstance(found, Found)
    assert found.certificate.fingerprint == version_2.keys["twice new"]


@pytest.mark.parametrize("name", ["revoked", "expired", "disabled"])
async def test_a_key_that_must_not_be_used_is_unusable_where_gpgs_filter_finds_none(
    version_2: KeyServer, source: Ldap, name: str
) -> None:
    address, why = {
        "revoked": ("rita@example.org", Why.REVOKED),
        "expired": ("erna@example.org", Why.EXPIRED),
        "disabled": ("dora@example.org", Why.DISABLED),
    }[name]
    found = await source.lookup(Address(address))
    assert isinstance(found, Unusable)
    assert (found.why, found.fingerprint) == (why, version_2.keys[name])


@pytest.mark.parametrize(
    "address",
    ["nobody@example.org", "ob@example.org", "bob@example.or", "bob@example.org.org", "*@example.org", "*", "bob*"],
)
async def test_only_the_whole_address_is_found(source: Ldap, address: str) -> None:
    assert await source.lookup(Address(address)) == NotFound("ldap", "ldap/gpgMailbox")


@pytest.mark.parametrize(
    ("address", "logged"),
    [
        ("*)(uid=*", r'filter="(gpgMailbox=\2A\29\28uid=\2A)"'),
        ("x)(|(gpgMailbox=*@example.org", r'filter="(gpgMailbox=x\29\28|\28gpgmailbox=\2A@example.org)"'),
        ("back\\slash@example.org", r'filter="(gpgMailbox=back\5Cslash@example.org)"'),
        ("é" * 144 + "@example.org", 'filter="(gpgMailbox=' + r"\C3\A9" * 144 + '@example.org)"'),
        ("a" * 288 + "@example.org", f'filter="(gpgMailbox={"a" * 288}@example.org)"'),
        ("\udcff\udcfe@example.org", r'filter="(?gpgMailbox=\FF\FE@example.org)"'),
    ],
    ids=["wildcard", "or", "backslash", "300 octets of UTF-8", "300 octets", "not UTF-8"],
)
async def test_an_odd_address_reaches_the_server_as_a_value_and_finds_nobody(
    version_2: KeyServer, source: Ldap, address: str, logged: str
) -> None:
    before = len(version_2.directory.log)
    assert await source.lookup(Address(address)) == NotFound("ldap", "ldap/gpgMailbox")
    assert logged in version_2.directory.log[before:]


async def test_nul_reaches_the_server_as_a_value(version_2: KeyServer) -> None:
    """An address holds no NUL; what escapes it is shown to the server all the same."""
    before = len(version_2.directory.log)
    connection = await Connection.start()
    await connection.login(read_only(version_2.directory))
    filter_ = f"(gpgMailbox={escape(chr(0) + '*)(uid=*')})"
    assert await connection.search(Search(KEYSPACE, filter_, ("pgpKey",))) == ()
    connection.kill()
    await connection.reap()
    assert r'filter="(gpgMailbox=\00\2A\29\28uid=\2A)"' in version_2.directory.log[before:]


async def test_an_address_full_of_wildcards_that_has_a_key_is_found(version_2: KeyServer, source: Ldap) -> None:
    found = await source.lookup(Address("*)(uid=*@example.org"))
    assert isinstance(found, Found)
    assert found.certificate.fingerprint == version_2.keys["star"]


async def test_a_local_part_in_utf_8_is_found(version_2: KeyServer, source: Ldap) -> None:
    found = await source.lookup(Address("zoé@example.org"))
    assert isinstance(found, Found)
    assert found.certificate.fingerprint == version_2.keys["utf-8"]


async def test_a_certificate_is_found_by_fingerprint_and_revoked_ones_too(version_2: KeyServer, source: Ldap) -> None:
    for name in ("bob", "revoked"):
        found = await source.by_fingerprint(version_2.keys[name])
        assert isinstance(found, Certificate)
        assert found.fingerprint == version_2.keys[name]
        assert found.primary.revoked == (name == "revoked")
    assert await source.by_fingerprint("0" * 40) == NotFound("ldap", "ldap/gpgMailbox")


async def test_many_lookups_at_once_share_few_connections(version_2: KeyServer, source: Ldap) -> None:
    before = version_2.directory.log.count("ACCEPT")
    found = await asyncio.gather(*(source.lookup(Address("bob@example.org")) for _ in range(40)))
    assert all(isinstance(one, Found) for one in found)
    assert 1 <= version_2.directory.log.count("ACCEPT") - before <= 4


def version_1_entry(person: Correspondent, fingerprint: str, user_id: str, revoked: str = "0") -> str:
    armored = base64.b64encode(person.export_armored(fingerprint)).decode()
    return (
        f"dn: pgpCertID={fingerprint[-16:]},{KEYSPACE}\nobjectClass: pgpKeyInfo\npgpCertID: {fingerprint[-16:]}\n"
        f"pgpKeyID: {fingerprint[-8:]}\npgpUserID: {user_id}\npgpRevoked: {revoked}\npgpDisabled: 0\n"
        f"pgpKey:: {armored}\n\n"
    )


@pytest.fixture(scope="module")
def version_1() -> Iterator[KeyServer]:
    with Slapd() as directory, Correspondent() as person:
        directory.add_root()
        directory.add_server_info(version="1")
        keys = {
            "bob": person.new_key("Bob <bob@example.org>"),
            "bare": person.new_key("bare@example.org"),
            "revoked": person.new_key("Rita <rita@example.org>"),
            "other": person.new_key("Other <other@example.org>"),
        }
        person.revoke(keys["revoked"])
        directory.add(
            version_1_entry(person, keys["bob"], "Bob <bob@example.org>")
            + version_1_entry(person, keys["bare"], "bare@example.org")
            + version_1_entry(person, keys["revoked"], "Rita <rita@example.org>", revoked="1")
            + version_1_entry(person, keys["other"], "Liar <liar@example.org> <other@example.org>")
        )
        yield KeyServer(directory, person, keys)


async def test_version_1_is_found_by_user_id(version_1: KeyServer) -> None:
    source = Ldap([read_only(version_1.directory)], GnuPGExaminer())
    for name in ("bob", "bare"):
        found = await source.lookup(Address(f"{name}@example.org"))
        assert isinstance(found, Found)
        assert (found.certificate.fingerprint, found.method) == (version_1.keys[name], "ldap/pgpUserID")
    revoked = await source.lookup(Address("rita@example.org"))
    assert isinstance(revoked, Unusable)
    assert revoked.why is Why.REVOKED
    for address in ("nobody@example.org", "ob@example.org", "*@example.org", "liar@example.org"):
        assert await source.lookup(Address(address)) == NotFound("ldap", "ldap/pgpUserID")
    certificate = await source.by_fingerprint(version_1.keys["bob"])
    assert isinstance(certificate, Certificate)
    assert certificate.fingerprint == version_1.keys["bob"]
    await source.close()
    assert r'filter="(|(pgpUserID=*<\2A@example.org>*)(pgpUserID=\2A@example.org))"' in version_1.directory.log
