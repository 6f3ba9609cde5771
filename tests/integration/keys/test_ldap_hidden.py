"""A directory that hides the key, or is asked amiss, is an outage: it is not "no key", and nothing leaves clear."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab.certificates import make_keypair
from lab.correspondent import Correspondent
from lab.ldap_answer import answer
from lab.relay import Relay
from lab.slapd import KEYSPACE, PEOPLE, Slapd, person_entry

from relay.keys.ldap.reason import Reason
from relay.keys.ldap.server import Server
from relay.keys.ldap.source import Ldap
from relay.model import Address, Found, NotFound, Outage
from relay.openpgp.examiner import GnuPGExaminer

BOB, DESK, NORA, NOBODY = (f"{name}@example.org" for name in ("bob", "desk", "nora", "nobody"))
READ = "access to * by * read"
NO_KEY_ATTRIBUTE = f"access to attrs=pgpKey by * none\n{READ}"
NO_SITE_ATTRIBUTE = f"access to attrs=siteKey by * none\n{READ}"
SITE_FILTER, TYPO = "(mail={address})", "(mial={address})"


@contextmanager
def keyserver(access: str) -> Iterator[Slapd]:
    """GnuPG's schema, with Bob's key."""
    with Slapd() as filled, Correspondent() as person:
        filled.add_root()
        filled.add_server_info()
        person.send(filled.writable, person.new_key(f"Bob <{BOB}>"))
        filled.restrict(access)
        yield filled


@contextmanager
def site(access: str = READ) -> Iterator[Slapd]:
    """People with keys of the site's own attribute, and Nora, who has none."""
    with Slapd(access=access) as directory:
        directory.add_root()
        people = [(name, make_keypair(f"<{name}>").public) for name in (BOB, DESK)]
        entries = [person_entry(name.partition("@")[0], [name], octets) for name, octets in people]
        directory.add("".join(entries) + person_entry("nora", [NORA]))
        yield directory


def asked(directory: Slapd, *, filter_: str = SITE_FILTER, probe: str | None = DESK) -> Server:
    known = Address(probe) if probe else None
    return Server(directory.url, base=PEOPLE, filter=filter_, attribute="siteKey", timeout=30, probe=known)


async def test_an_entry_whose_key_may_not_be_read_is_an_outage() -> None:
    """Its schema demands a key of it: an entry without one is not shown whole."""
    with keyserver(NO_KEY_ATTRIBUTE) as directory:
        assert await answer(Server(directory.url, timeout=30), BOB) == Outage("ldap", Reason.HIDDEN)
        assert isinstance(await answer(Server(directory.url, timeout=30), NOBODY), NotFound)


async def test_a_key_space_whose_entries_may_not_be_read_is_an_outage() -> None:
    with keyserver(f'access to dn.children="{KEYSPACE}" by * none\n{READ}') as directory:
        for address in (BOB, NOBODY):
            assert await answer(Server(directory.url, timeout=30), address) == Outage("ldap", Reason.CHILDREN)


async def test_an_empty_key_space_is_none() -> None:
    with Slapd() as directory:
        directory.add_root()
        directory.add_server_info()
        assert isinstance(await answer(Server(directory.url, timeout=30), BOB), NotFound)


@pytest.mark.parametrize(
    ("access", "filter_"),
    [(NO_SITE_ATTRIBUTE, SITE_FILTER), (READ, TYPO), (READ, "(&(objectClass=posixAccount)(mail={address}))")],
    ids=["hidden attribute", "typo", "a class that nobody has"],
)
async def test_no_key_does_not_count_where_the_key_that_is_known_to_be_there_is_not_found(
    access: str, filter_: str
) -> None:
    with site(access) as directory:
        for address in (BOB, NORA, NOBODY):
            assert await answer(asked(directory, filter_=filter_), address) == Outage("ldap", Reason.PROBE)


async def test_no_key_counts_where_the_key_that_is_known_to_be_there_is_found() -> None:
    with site() as directory:
        assert isinstance(await answer(asked(directory), BOB), Found)
        for address in (NORA, NOBODY):
            assert isinstance(await answer(asked(directory), address), NotFound)
        gone = asked(directory, probe="gone@example.org")
        assert isinstance(await answer(gone, BOB), Found), "a key that is found is used all the same"
        assert await answer(gone, NOBODY) == Outage("ldap", Reason.PROBE)


async def test_no_key_was_believed_or_not_for_ten_minutes_by_what_had_been_found_before() -> None:
    """For so long a session with the directory is kept while mails use it."""
    with site() as directory:
        desk = f"dn: cn=desk,{PEOPLE}\nchangetype: modify\nreplace: mail\nmail: "
        source = Ldap([asked(directory)], GnuPGExaminer())
        try:
            assert isinstance(await source.lookup(Address(NORA)), NotFound)
            directory.modify(f"{desk}elsewhere@example.org\n")
            assert await source.lookup(Address(NORA)) == Outage("ldap", Reason.PROBE)
            await source.close()  # the next session begins while the known key is not found
            source = Ldap([asked(directory)], GnuPGExaminer())
            assert await source.lookup(Address(NORA)) == Outage("ldap", Reason.PROBE)
            directory.modify(f"{desk}{DESK}\n")
            assert isinstance(await source.lookup(Address(NORA)), NotFound)
        finally:
            await source.close()


def checked(directory: Slapd, **server: str) -> tuple[bool, str]:
    """What `check` says of the sources."""
    ldap = {"url": directory.url, "base": PEOPLE, "filter": SITE_FILTER, "attribute": "siteKey", "timeout": "30s"}
    lookup = {"sources": ["keyring", "ldap"], "ldap": [{**ldap, **server}]}
    with Relay({"reinject": "smtp://127.0.0.1:1", "lookup": lookup}) as relay:
        findings = json.loads(relay.run("check", "--json", check=False).stdout)
    (found,) = [finding for finding in findings if finding["name"] == "sources"]
    return found["ok"], found["message"]


def test_check_proves_that_a_key_is_found_and_warns_where_it_cannot() -> None:
    with site() as directory:
        assert checked(directory, probe=DESK) == (True, "keyring, ldap")
        ok, told = checked(directory)
        assert ok
        assert "lookup.ldap[0].probe" in told
        ok, told = checked(directory, probe=DESK, filter=TYPO)
        assert not ok
        assert Reason.PROBE in told


def test_check_says_of_a_referral_below_the_base_what_it_does_to_mail() -> None:
    with site() as directory:
        directory.add(
            f"dn: ou=branch,{PEOPLE}\nobjectClass: referral\nobjectClass: extensibleObject\nou: branch\n"
            "ref: ldap://elsewhere.invalid/ou=branch,dc=elsewhere\n\n"
        )
        ok, told = checked(directory, probe=DESK)
        assert not ok
        assert Reason.SUBORDINATE in told
