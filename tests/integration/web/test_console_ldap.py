"""Logging in by a real directory: names and passwords that try to be more than that, groups, TLS, one that hangs."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from lab.console import Console, Page, Visitor
from lab.relay import Relay
from lab.slapd import ADMIN, PASSWORD, PEOPLE, SUFFIX, Authority, Slapd
from lab.stopwatch import Stopwatch
from lab.waiting import wait_for

from relay.keys.ldap.people import Member, Place, authenticated
from relay.keys.ldap.server import Server

pytestmark = pytest.mark.waits

WORDS = "pass word (*)"
DESK, KEYS = f"cn=desk,ou=groups,{SUFFIX}", f"cn=keys,ou=groups,{SUFFIX}"
BY_UID = f"cn=by-uid,ou=groups,{SUFFIX}"
"""A group that lists karl by his uid."""
ACCESS = f"""access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="{SUFFIX}" by dn.exact="{ADMIN}" write by users read by anonymous none
access to * by * read"""


def person(name: str, dn: str = "", words: str = WORDS) -> str:
    return (
        f"dn: {dn or f'uid={name},{PEOPLE}'}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n"
        f"userPassword: {words}\n\n"
    )


def group(dn: str, *members: str) -> str:
    listed = "".join(f"member: {member}\n" for member in members)
    return f"dn: {dn}\nobjectClass: groupOfNames\ncn: {dn[3:7]}\n{listed}\n"


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    made = Authority()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def directory(authority: Authority) -> Iterator[Slapd]:
    with Slapd(certificate=authority.server("IP:127.0.0.1,DNS:localhost"), access=ACCESS) as running:
        running.add_root()
        odd = f"cn=Odd\\2C (one)*,{PEOPLE}"
        running.add(
            f"dn: ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n\n"
            + "".join(person(name) for name in ("dina", "karl", "lena", "nora", "twin"))
            + person("odd", odd)
            + person("twin", f"uid=twin,ou=groups,{SUFFIX}")
            + group(DESK, f"uid=dina,{PEOPLE}", f"uid=lena,{PEOPLE}", odd, f"uid=twin,{PEOPLE}")
            + group(KEYS, f"uid=karl,{PEOPLE}")
            + f"dn: {BY_UID}\nobjectClass: posixGroup\ncn: by-uid\ngidNumber: 100\nmemberUid: karl\n\n"
            + f"{person('eve').rstrip()}\nmail: karl\n\n"
        )
        yield running


@pytest.fixture(scope="module")
def password_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("ldap") / "password"
    file.write_text(PASSWORD)
    file.chmod(0o600)
    return str(file)


def settings(directory: Slapd, authority: Authority, password_file: str, **other: object) -> dict[str, Any]:
    """With more time than `console.login.ldap.timeout` has by itself: the console leaves a busy machine to others."""
    keys = {
        "url": directory.url,
        "starttls": True,
        "ca_file": str(authority.file),
        "bind_dn": ADMIN,
        "password_file": password_file,
        "base": SUFFIX,
        "groups": {"desk": DESK, "keys": KEYS},
        "timeout": "25s",
        **other,
    }
    return {"login": {"ldap": keys, "local": False}}


@pytest.fixture(scope="module")
def site(directory: Slapd, authority: Authority, password_file: str) -> Iterator[Console]:
    with Relay() as relay, Console(relay, **settings(directory, authority, password_file)) as console:
        yield console


def log_in(visitor: Visitor, name: str, words: str = WORDS) -> Page:
    return visitor.post("/login", {"way": "ldap", "name": name, "password": words})


def test_a_group_there_gives_a_role_here(site: Console) -> None:
    for name, status in (("dina", 403), ("karl", 200)):
        visitor = site.visitor()
        assert log_in(visitor, name).status == 303
        assert visitor.get("/held").status == 200
        assert visitor.get("/proposals").status == status
    visitor = site.visitor()
    assert log_in(visitor, "nora").status == 403, "in no group"
    rows = [json.loads(line) for line in site.relay.run("trace", "--keys", "--json").stdout.splitlines()]
    assert ("ldap", "console:dina", f"user added: desk, ldap uid=dina,{PEOPLE}") in [
        (row["actor"], row["address"], row["reason"]) for row in rows
    ]


def test_who_was_linked_by_a_dn_with_blanks_after_its_commas_was_another_person_at_the_login(site: Console) -> None:
    site.invite("boss", "admin")
    site.relay.run("console", "user", "link", "boss", "--ldap", f"UID=lena,  {PEOPLE}")
    visitor = site.visitor()
    assert log_in(visitor, "lena").status == 303
    assert visitor.get("/proposals").status == 200, "as boss, whom her group alone would not let in here"


def test_a_dn_with_every_strange_character_is_bound_and_found_in_its_group(site: Console) -> None:
    assert log_in(site.visitor(), "odd").status == 303


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dina", ""),
        ("dina", "\0"),
        ("dina", "pass word"),
        ("dina", WORDS + "\0"),
        ("dina", "*"),
        ("dina", "x" * 100_000),
        ("*", WORDS),
        ("din*", WORDS),
        ("dina)(uid=*", WORDS),
        ("dina)(|(uid=*", WORDS),
        ("*)(objectClass=*", WORDS),
        ("dina\\2a", WORDS),
        ("nobody", WORDS),
        ("", WORDS),
        ("twin", WORDS),
        ("admin", PASSWORD),
    ],
)
def test_what_is_not_one_persons_name_and_password_is_nobody(
    directory: Slapd, authority: Authority, name: str, words: str
) -> None:
    assert asked(directory, authority, name, words) is None


def asked(directory: Slapd, authority: Authority, name: str, words: str) -> Member | None:
    """Of the directory, without the console's limits before it."""
    place = Place(SUFFIX, "(uid={name})", (DESK, KEYS))
    return asyncio.run(authenticated(server(directory, authority), place, name, words))


def server(directory: Slapd, authority: Authority) -> Server:
    """With time enough for a machine that is busy."""
    ca_file = str(authority.file)
    return Server(directory.url, starttls=True, ca_file=ca_file, bind_dn=ADMIN, password=PASSWORD, timeout=60)


@pytest.mark.parametrize(
    ("filter_", "who", "groups"), [("(uid={name})", "karl", {BY_UID}), ("(mail={name})", "eve", set())]
)
def test_a_mail_address_of_ones_own_choice_gave_the_role_of_whose_uid_it_is(
    filter_: str, who: str, groups: set[str], directory: Slapd, authority: Authority
) -> None:
    """Where people may change the attribute by which they are found."""
    place = Place(SUFFIX, filter_, (BY_UID,))
    found = asyncio.run(authenticated(server(directory, authority), place, "karl", WORDS))
    assert found == Member(f"uid={who},{PEOPLE}", frozenset(groups))


def test_who_is_somebody_is_found(directory: Slapd, authority: Authority) -> None:
    assert asked(directory, authority, "dina", WORDS) == Member(f"uid=dina,{PEOPLE}", frozenset({DESK}))
    assert asked(directory, authority, "nora", WORDS) == Member(f"uid=nora,{PEOPLE}", frozenset())


@pytest.mark.parametrize("name", ["*", "karl)(uid=*", "karl*", "x" * 65])
def test_what_is_no_name_does_not_reach_the_directory(site: Console, directory: Slapd, name: str) -> None:
    before = directory.log.count("BIND dn=")
    assert log_in(site.visitor(), name).status == 403
    assert directory.log.count("BIND dn=") == before


def test_an_empty_password_is_never_sent(site: Console, directory: Slapd) -> None:
    """A server takes such a bind for that of nobody, and says that it went well."""
    before = directory.log.count("BIND dn=")
    assert log_in(site.visitor(), "karl", "").status == 403
    assert directory.log.count("BIND dn=") == before


def test_a_user_of_the_console_and_one_of_the_directory_are_apart(site: Console) -> None:
    """`local: false`: a link opens nothing, and the form of local users neither."""
    assert site.visitor().get(site.invite("local", "admin")).status == 410
    assert site.visitor().post("/login", {"name": "dina", "password": WORDS, "code": "123456"}).status == 403


def test_a_certificate_of_somebody_else_gets_no_password(
    directory: Slapd, authority: Authority, password_file: str
) -> None:
    other = Authority()
    keys = settings(directory, authority, password_file, ca_file=str(other.file))
    try:
        with Relay() as relay, Console(relay, **keys) as console:
            before = directory.log.count("BIND dn=")
            assert log_in(console.visitor(), "dina").status == 403
            assert directory.log.count("BIND dn=") == before
            assert '"why": "directory"' in console.log
    finally:
        other.remove()


def test_a_directory_that_hangs_holds_nobody_else_up(
    directory: Slapd, authority: Authority, password_file: str
) -> None:
    login = settings(directory, authority, password_file, timeout="5s")["login"]
    with Relay() as relay, Console(relay, login={**login, "local": True}) as console:
        visitor = console.logged_in("local", "desk")
        directory.freeze()
        try:
            with ThreadPoolExecutor(8) as pool:
                for _ in range(3):  # who holds others up does so each time; a busy machine may do so once
                    waiting = [pool.submit(log_in, console.visitor(), f"n{secrets.token_hex(3)}") for _ in range(8)]
                    with Stopwatch() as watch:
                        assert visitor.get("/held").status == 200
                        took = watch.seconds
                        assert {each.result().status for each in waiting} == {403}
                    assert watch.seconds < 30
                    if took < 4:  # less than the directory's time
                        break
                else:
                    pytest.fail("each time a page took the directory's time")
        finally:
            directory.thaw()
        wait_for(lambda: log_in(console.visitor(), "karl").status == 303, "the directory counts again", 25)


def test_nothing_of_it_is_in_the_log(site: Console) -> None:
    log_in(site.visitor(), "nora")
    assert '"why": "role"' in site.log
    assert "nora" not in site.log
    assert WORDS not in site.log
