"""A site's own schema: keys on people's entries, found by the site's base, filter and attribute."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.correspondent import Correspondent
from lab.ldap_answer import answer
from lab.processes import GONE, Family
from lab.slapd import ADMIN, PASSWORD, PEOPLE, Slapd, person_entry
from lab.waiting import until

from relay.keys.ldap.reason import Reason
from relay.keys.ldap.server import Server
from relay.keys.ldap.source import Ldap
from relay.model import Address, Found, NotFound, Outage, Unusable, Why
from relay.openpgp.examiner import GnuPGExaminer

pytest.importorskip("bonsai")


@dataclass
class Site:
    directory: Slapd
    keys: dict[str, str]

    def server(self, **settings: str | None) -> Server:
        known = {"base": PEOPLE, "filter": "(&(objectClass=person)(mail={address}))", "attribute": "siteKey"}
        return Server(self.directory.url, timeout=30, **(known | settings))  # type: ignore[arg-type] # strings alone


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Slapd() as directory, Correspondent() as person:
        directory.add_root()
        keys = {
            "old": person.new_key("Bob <bob@example.org>", created="20230101T120000"),
            "new": person.new_key("Bob <bob@example.org>", created="20250101T120000"),
            "revoked": person.new_key("Bob <bob@example.org>", created="20260101T120000"),
            "anna": person.new_key("Anna <anna@example.org>"),
            "rita": person.new_key("Rita <rita@example.org>"),
        }
        person.revoke(keys["revoked"])
        stale = person.export(keys["rita"])
        person.revoke(keys["rita"])
        directory.add(
            person_entry(
                "bob",
                ["bob@example.org"],
                person.export(keys["revoked"]),
                person.export(keys["old"]),
                b"A few words before it.\n" + person.export_armored(keys["new"]),
            )
            + person_entry("anna", ["anna@example.org", "doctor@example.org"], person.export(keys["old"], keys["anna"]))
            + person_entry("rita", ["rita@example.org"], stale, person.export_armored(keys["rita"]))
            + person_entry("nora", ["nora@example.org"])
            + person_entry("prose", ["prose@example.org"], b"https://example.org/key.asc")
        )
        yield Site(directory, keys)


async def test_the_newest_usable_one_of_binary_and_armored_values_is_found(site: Site) -> None:
    found = await answer(site.server(), "Bob@example.org")
    assert isinstance(found, Found)
    assert (found.certificate.fingerprint, found.method) == (site.keys["new"], "ldap/site")


async def test_one_of_several_certificates_in_one_value_is_found(site: Site) -> None:
    found = await answer(site.server(), "anna@example.org")
    assert isinstance(found, Found)
    assert found.certificate.fingerprint == site.keys["anna"]


async def test_an_alias_that_the_key_does_not_name_is_unusable_and_says_why(site: Site) -> None:
    found = await answer(site.server(), "doctor@example.org")
    assert isinstance(found, Unusable)
    assert found.why is Why.NO_USER_ID


async def test_a_revocation_counts_although_an_older_copy_stands_beside_it(site: Site) -> None:
    found = await answer(site.server(), "rita@example.org")
    assert isinstance(found, Unusable)
    assert (found.why, found.fingerprint) == (Why.REVOKED, site.keys["rita"])


async def test_a_value_that_is_no_key_is_unusable(site: Site) -> None:
    found = await answer(site.server(), "prose@example.org")
    assert isinstance(found, Unusable)
    assert found.why is Why.INVALID


async def test_a_person_without_a_key_and_nobody_are_not_found(site: Site) -> None:
    for address in ("nora@example.org", "nobody@example.org", "*", "*)(objectClass=*"):
        assert await answer(site.server(), address) == NotFound("ldap", "ldap/site")
    assert r'filter="(&(objectClass=person)(mail=\2A\29\28objectclass=\2A))"' in site.directory.log


async def test_without_a_base_the_naming_contexts_are_searched(site: Site) -> None:
    assert isinstance(await answer(site.server(base=None), "bob@example.org"), Found)


async def test_the_base_may_stand_in_the_url(site: Site) -> None:
    server = Server(f"{site.directory.url}/{PEOPLE}", filter="(mail={address})", attribute="SITEKEY", timeout=30)
    assert isinstance(await answer(server, "bob@example.org"), Found)


async def test_a_fingerprint_cannot_be_searched_in_a_schema_without_one(site: Site) -> None:
    source = Ldap([site.server()], GnuPGExaminer())
    assert await source.by_fingerprint(site.keys["new"]) == NotFound("ldap", "ldap/site")
    await source.close()


async def test_a_base_that_is_not_there_is_an_outage(site: Site) -> None:
    found = await answer(site.server(base="ou=typo,dc=example,dc=com"), "bob@example.org")
    assert found == Outage("ldap", Reason.BASE)


async def test_a_filter_the_client_library_refuses_is_an_outage(site: Site) -> None:
    assert await answer(site.server(filter="(mail={address}"), "bob@example.org") == Outage("ldap", Reason.FILTER)


async def test_a_filter_that_matches_half_the_directory_is_an_outage(site: Site) -> None:
    site.directory.add("".join(person_entry(f"many{n}", ["many@example.org"]) for n in range(60)))
    assert await answer(site.server(), "many@example.org") == Outage("ldap", Reason.TOO_MUCH)


async def test_an_answer_of_many_megabytes_is_an_outage(site: Site) -> None:
    site.directory.add(person_entry("big", ["big@example.org"], bytes(5 << 20)))
    assert await answer(site.server(), "big@example.org") == Outage("ldap", Reason.TOO_MUCH)


RIGHTS = (
    f'access to dn.exact="" by * read\naccess to attrs=userPassword by anonymous auth by * none\n'
    f'access to dn.subtree="{PEOPLE}" by dn.exact="cn=reader,{PEOPLE}" read by anonymous auth by * none'
)
READER = f"cn=reader,{PEOPLE}"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Slapd]:
    with Slapd(access=RIGHTS) as directory, Correspondent() as person:
        directory.add_root()
        bob = person.export(person.new_key("Bob <bob@example.org>"))
        directory.add(
            person_entry("bob", ["bob@example.org"], bob)
            + f"dn: {READER}\nobjectClass: person\ncn: reader\nsn: reader\nuserPassword: geheim\n\n"
        )
        yield directory


def reader(directory: Slapd, password: str | None, *, dn: str | None = READER) -> Server:
    return Server(
        directory.url,
        base=PEOPLE,
        filter="(mail={address})",
        attribute="siteKey",
        bind_dn=dn,
        password=password,
        timeout=30,
    )


async def test_a_login_by_dn_and_password_reads_what_anonymous_may_not(guarded: Slapd) -> None:
    assert isinstance(await answer(reader(guarded, "geheim"), "bob@example.org"), Found)
    assert await answer(reader(guarded, "geheim"), "nobody@example.org") == NotFound("ldap", "ldap/site")


async def test_entries_that_anonymous_may_not_read_are_an_outage_and_not_missing(guarded: Slapd) -> None:
    assert await answer(reader(guarded, None, dn=None), "bob@example.org") == Outage("ldap", Reason.REFUSED)


async def test_a_base_that_is_hidden_altogether_is_an_outage_and_not_missing() -> None:
    with Slapd(access=RIGHTS.replace("by anonymous auth by * none", "by * none")) as directory:
        directory.add_root()
        assert await answer(reader(directory, None, dn=None), "bob@example.org") == Outage("ldap", Reason.BASE)


async def test_a_wrong_password_is_an_outage(guarded: Slapd) -> None:
    assert await answer(reader(guarded, "falsch"), "bob@example.org") == Outage("ldap", Reason.CREDENTIALS)
    assert await answer(reader(guarded, "x", dn="cn=nobody"), "bob@example.org") == Outage("ldap", Reason.CREDENTIALS)
    assert await answer(reader(guarded, "x", dn="no dn"), "bob@example.org") == Outage("ldap", Reason.CREDENTIALS)


@pytest.mark.parametrize("setting", ["disallow bind_anon", "require authc", "require bind"])
async def test_a_server_that_refuses_anonymous_clients_is_an_outage(setting: str) -> None:
    with Slapd(settings=setting) as directory:
        directory.add_root()
        found = await answer(reader(directory, None, dn=None), "bob@example.org")
        if setting == "require bind":  # an anonymous bind is a bind
            assert found == NotFound("ldap", "ldap/site")
        else:
            assert found in {Outage("ldap", Reason.CREDENTIALS), Outage("ldap", Reason.REFUSED)}
        login = Server(directory.url, base=PEOPLE, bind_dn=ADMIN, password=PASSWORD, timeout=30)
        assert await answer(login, "bob@example.org") == NotFound("ldap", "ldap/site")


def shown_by_children() -> Iterator[bytes]:
    """What anybody on this machine can read of each process that this one started, and that has not ended meanwhile."""
    for pid in Family(os.getpid()).descendants():
        with suppress(*GONE):
            yield b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))


async def test_the_password_stands_in_no_argument_and_no_environment_of_the_worker(guarded: Slapd) -> None:
    source = Ldap([reader(guarded, "geheim")], GnuPGExaminer())
    assert isinstance(await source.lookup(Address("bob@example.org")), Found)
    shown: list[bytes] = []

    def seen() -> bool:
        """A list of children lacks some where others end as it is read (proc(5))."""
        shown.extend(shown_by_children())
        return any(b"ldap.worker" in each for each in shown)

    await until(seen)
    assert not any(b"geheim" in each for each in shown)
    await source.close()


async def test_a_key_counts_only_for_the_address_in_whose_entry_it_stands() -> None:
    """Who may write her own entry put the addressee of other people's mail into her key: it counted for both."""
    with Slapd() as directory, Correspondent() as person:
        directory.add_root()
        fingerprint = person.new_key("Mallory <mallory@example.org>")
        person.gpg("--quick-add-uid", fingerprint, "Bob <bob@example.org>")
        directory.add(person_entry("mallory", ["mallory@example.org"], person.export(fingerprint)))
        site = Site(directory, {})
        found = await answer(site.server(), "mallory@example.org")
        assert isinstance(found, Found)
        assert [str(address) for address in found.certificate.addresses] == ["mallory@example.org"]
        assert b"bob@" not in found.certificate.data
        assert await answer(site.server(), "bob@example.org") == NotFound("ldap", "ldap/site")
