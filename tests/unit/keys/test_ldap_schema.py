"""Where keys stand: GnuPG's schema is found through pgpServerInfo, or the site says it."""

import pytest

from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import KeySpace, Search, find_key_space
from relay.keys.ldap.server import Server
from relay.model import Address

ROOT: dict[str, Entry] = {"": {"namingcontexts": (b"dc=other,dc=org", b"dc=example,dc=com")}}
ANYWHERE = Server("ldap://directory.example")
FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"


def info(version: bytes, software: bytes = b"GnuPG") -> Entry:
    return {"pgpbasekeyspacedn": (b"ou=keys,dc=example,dc=com",), "pgpversion": (version,), "pgpsoftware": (software,)}


async def space(server: Server, directory: dict[str, Entry]) -> KeySpace:
    async def ask(search: Search) -> tuple[Entry, ...]:
        assert not search.subtree
        return (directory[search.base],) if search.base in directory else ()

    return await find_key_space(ask, server)


@pytest.mark.parametrize("version", [b"2", b"2 openldap", b"2 ntds", b"3 cnfpr"])
async def test_gnupgs_version_2_is_searched_by_mailbox(version: bytes) -> None:
    found = await space(ANYWHERE, ROOT | {"cn=pgpServerInfo,dc=example,dc=com": info(version)})
    (search,) = found.address_searches(Address("bob@example.org"))
    assert found.method == "ldap/gpgMailbox"
    assert search == Search("ou=keys,dc=example,dc=com", "(gpgMailbox=bob@example.org)", ("pgpKey", "pgpdisabled"))


@pytest.mark.parametrize("entry", [info(b"1"), info(b"2", b"PGP"), info(b""), info(b"two"), info("²".encode())])
async def test_everything_else_is_version_1_searched_by_user_id(entry: Entry) -> None:
    found = await space(ANYWHERE, ROOT | {"cn=pgpServerInfo,dc=example,dc=com": entry})
    (search,) = found.address_searches(Address("bob@example.org"))
    assert found.method == "ldap/pgpUserID"
    assert search.filter == "(|(pgpUserID=*<bob@example.org>*)(pgpUserID=bob@example.org))"
    assert search.attributes[0] == "pgpKey"


async def test_an_old_keyserver_without_naming_contexts_is_understood() -> None:
    old: Entry = {"basekeyspacedn": (b"ou=old",), "version": (b"2",)}
    found = await space(ANYWHERE, {"cn=pgpServerInfo": old})
    (search,) = found.address_searches(Address("bob@example.org"))
    assert (search.base, search.attributes[0]) == ("ou=old", "pgpKeyV2")


async def test_a_directory_that_says_nothing_is_an_outage() -> None:
    with pytest.raises(Unavailable) as raised:
        await space(ANYWHERE, ROOT)
    assert raised.value.reason is Reason.SCHEMA


async def test_a_site_without_a_base_and_without_naming_contexts_is_an_outage() -> None:
    with pytest.raises(Unavailable) as raised:
        await space(Server("ldap://directory.example", filter="(mail={address})"), {})
    assert raised.value.reason is Reason.BASE


async def test_a_base_alone_is_a_site_of_its_own_with_mail_and_pgpkey() -> None:
    found = await space(Server("ldap://directory.example", base="ou=people"), {})
    assert found.address_searches(Address("bob@example.org")) == (
        Search("ou=people", "(mail=bob@example.org)", ("pgpKey", "objectclass")),
    )


async def test_a_base_with_gnupgs_schema_below_it_is_searched_by_that_schema() -> None:
    server = Server("ldap://directory.example", base="dc=example,dc=com")
    found = await space(server, {"cn=pgpServerInfo,dc=example,dc=com": info(b"2")})
    assert found.method == "ldap/gpgMailbox"


async def test_a_filter_of_the_sites_own_is_used_even_where_gnupgs_schema_is() -> None:
    server = Server(
        "ldap://directory.example", filter="(&(mail={address})(!(alias={address})))", attribute="userPGPKey;binary"
    )
    found = await space(server, ROOT | {"cn=pgpServerInfo,dc=example,dc=com": info(b"2")})
    searches = found.address_searches(Address("bob@example.org"))
    assert [search.base for search in searches] == ["dc=other,dc=org", "dc=example,dc=com"]
    assert searches[0].filter == "(&(mail=bob@example.org)(!(alias=bob@example.org)))"
    assert searches[0].attributes == ("userPGPKey;binary", "objectclass")


async def test_an_address_cannot_change_the_filter() -> None:
    found = await space(ANYWHERE, ROOT | {"cn=pgpServerInfo,dc=example,dc=com": info(b"1")})
    (search,) = found.address_searches(Address("*)(uid=*{address}@example.org"))
    escaped = r"\2a\29\28uid=\2a{address}@example.org"
    assert search.filter == rf"(|(pgpUserID=*<{escaped}>*)(pgpUserID={escaped}))"


async def test_a_revoked_or_disabled_entry_is_not_left_out_of_the_search() -> None:
    for version in (b"1", b"2"):
        found = await space(ANYWHERE, ROOT | {"cn=pgpServerInfo,dc=example,dc=com": info(version)})
        (search,) = found.address_searches(Address("bob@example.org"))
        assert "pgpRevoked" not in search.filter
        assert "pgpDisabled" not in search.filter


async def test_a_fingerprint_is_searched_as_each_schema_knows_it() -> None:
    two = await space(ANYWHERE, ROOT | {"cn=pgpServerInfo,dc=example,dc=com": info(b"2")})
    one = await space(ANYWHERE, ROOT | {"cn=pgpServerInfo,dc=example,dc=com": info(b"1")})
    site = await space(Server("ldap://directory.example", base="ou=people"), {})
    assert two.fingerprint_searches(FINGERPRINT)[0].filter == (
        f"(|(gpgFingerprint={FINGERPRINT})(gpgSubFingerprint={FINGERPRINT}))"
    )
    assert one.fingerprint_searches(FINGERPRINT)[0].filter == "(pgpCertID=89ABCDEF01234567)"
    assert site.fingerprint_searches(FINGERPRINT) == ()
