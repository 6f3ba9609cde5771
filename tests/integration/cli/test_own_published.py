"""`own publish ldap`, `wkd export --check`, `own.addresses: {ldap: N}`: with a real directory and web server."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.correspondent import Correspondent
from lab.gnupghome import stop_agent
from lab.published import Published
from lab.relay import Relay
from lab.slapd import ADMIN, KEYSPACE, PASSWORD, PEOPLE, Slapd, person_entry
from lab.waiting import wait_for

from relay.keys.ldap.listing import list_addresses
from relay.keys.ldap.server import Server
from relay.model import Address
from relay.model.errors import OwnError
from relay.own.existing import ListedElsewhere

pytest.importorskip("bonsai")

MARTIN, DESK, GONE, HIDDEN = (f"{who}@hopital.example" for who in ("Dr.Martin", "accueil", "parti", "direction"))


@dataclass
class Site:
    relay: Relay
    directory: Slapd
    web: Published

    def own(self, *words: str | Path, status: int = 0) -> bytes:
        done = self.relay.run(*words, check=False)
        assert done.returncode == status, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    secret = tmp_path_factory.mktemp("own") / "password"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o600)
    with Slapd() as directory, Published("hopital.example") as web:
        directory.add_root()
        directory.add_server_info()
        own = {
            "domains": ["hopital.example"],
            "ldap": {"url": directory.url, "bind_dn": ADMIN, "password_file": str(secret)},
        }
        lookup = {"sources": ["keyring", "ldap", "wkd"], "ldap": [{"url": directory.url}], "wkd": web.settings}
        with Relay({"own": own, "lookup": lookup}) as relay:
            relay.run("own", "create", "Hôpital Exemple")
            relay.run("own", "add", MARTIN, DESK, GONE)
            relay.run("own", "add", "--unlisted", HIDDEN)
            relay.run("own", "remove", GONE)
            yield Site(relay, directory, web)
            stop_agent(relay.keyring)


def entries(site: Site) -> dict[str, dict[str, str]]:
    """Mailbox to attributes, of every key in the directory."""
    words = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", site.directory.url, "-b", KEYSPACE, "(pgpKey=*)"]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    read = [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line) for block in found.split("\n\n")]
    return {entry["gpgMailbox"]: entry for entry in read if entry}


def test_what_is_published_in_a_directory_is_found_by_gpg_and_by_another_relay(site: Site) -> None:
    assert site.own("own", "publish", "ldap") == b"3 certificates written\n"
    site.own("own", "publish", "ldap")  # a second time changes nothing
    found = entries(site)
    assert {address: entry["pgpRevoked"] for address, entry in found.items()} == {
        MARTIN.lower(): "0",
        DESK: "0",
        GONE: "1",
    }
    with Correspondent() as person:
        person.gpg("--keyserver", site.directory.url, "--auto-key-locate", "clear,keyserver", "--locate-keys", MARTIN)
        listed = person.gpg("--with-colons", "--list-keys").decode()
    ours = {own["address"]: own["fingerprint"] for own in json.loads(site.own("own", "list", "--json"))}
    assert f":{ours[MARTIN]}:" in listed
    known = json.loads(site.own("keys", "lookup", MARTIN, "--json"))
    assert ours[MARTIN] in json.dumps(known)


def test_a_change_is_written_and_what_is_not_published_any_more_is_deleted(site: Site) -> None:
    site.own("own", "publish", "ldap")
    before = entries(site)[DESK]
    site.own("own", "rotate", DESK)
    site.own("own", "publish", "ldap")
    after = entries(site)[DESK]
    assert before["gpgFingerprint"] == after["gpgFingerprint"]
    words = ["ldapsearch", "-x", "-LLL", "-H", site.directory.url, "-b", KEYSPACE, f"(gpgMailbox={DESK})"]
    shown = subprocess.run([*words, "gpgSubFingerprint"], capture_output=True, text=True, check=True).stdout
    assert shown.count("gpgSubFingerprint:") == 3
    site.own("own", "revoke", DESK, "--yes")
    site.own("own", "publish", "ldap")
    assert entries(site)[DESK]["pgpRevoked"] == "1"


def test_without_a_directory_a_login_or_a_key_space_it_says_what_is_wrong(site: Site, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("wrong\n")
    wrong.chmod(0o600)
    whole = site.relay.settings
    for ldap, told in (
        (None, b"own.ldap is not set"),
        ({**whole["own"]["ldap"], "password_file": str(wrong)}, b"refuses the login"),
        ({**whole["own"]["ldap"], "url": "ldap://127.0.0.1:1"}, b"cannot be reached"),
    ):
        site.relay.configure({**whole, "own": {**whole["own"], "ldap": ldap}})
        try:
            done = site.relay.run("own", "publish", "ldap", check=False)
        finally:
            site.relay.configure(whole)
        assert (done.returncode, told in done.stderr) == (1, True), done.stderr


def test_the_tree_is_compared_with_what_the_web_server_answers(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    missing = json.loads(site.own("wkd", "export", folder, "--check", "--json", status=1))
    assert {look["fault"] for look in missing} == {"not found"}
    assert not folder.exists()
    site.own("wkd", "export", site.web.root)
    assert b" of 3 addresses are found" in site.own("wkd", "export", site.web.root, "--check")
    site.own("own", "rotate", MARTIN)
    told = site.own("wkd", "export", folder, "--check", status=1).decode()
    assert f"{MARTIN}: another certificate, or an older one" in told
    site.own("wkd", "export", site.web.root)
    site.own("own", "rotate", MARTIN)
    looks = json.loads(site.own("wkd", "export", site.web.root, "--check", "--json", status=1))
    assert [look["address"] for look in looks if look["fault"]] == [MARTIN]


PEOPLE_SERVER = {"base": PEOPLE, "filter": "(&(objectClass=person)(mail={address}))", "attribute": "siteKey"}


@pytest.fixture(scope="module")
def people() -> Iterator[Slapd]:
    with Slapd(settings="sizelimit size.soft=unlimited size.hard=unlimited size.prtotal=unlimited") as directory:
        directory.add_root()
        directory.add("".join(person_entry(f"p{n}", [f"p{n}@hopital.example"]) for n in range(1203)))
        directory.add(person_entry("odd", ["no address", "Two@hopital.example", "two@ville.example"]))
        yield directory


async def test_everybody_in_a_directory_is_listed_page_by_page(people: Slapd) -> None:
    found = await list_addresses(Server(people.url, **PEOPLE_SERVER))  # type: ignore[arg-type]  # its texts
    assert len(found) == 1205
    assert {"p1202@hopital.example", "Two@hopital.example"} < set(found)


async def test_a_directory_that_shows_nobody_or_does_not_answer_is_an_outage(people: Slapd) -> None:
    for server in (
        Server(people.url, base=f"ou=nowhere,{PEOPLE}", filter="(mail={address})"),
        Server(people.url, base=PEOPLE, filter="(uid={address})"),
        Server("ldap://127.0.0.1:1", base=PEOPLE, filter="(mail={address})"),
    ):
        with pytest.raises(OwnError):
            await list_addresses(server)


async def test_a_directory_that_lists_a_part_alone_is_told() -> None:
    with Slapd(settings="sizelimit 3") as small:
        small.add_root()
        small.add("".join(person_entry(f"p{n}", [f"p{n}@hopital.example"]) for n in range(5)))
        with pytest.raises(OwnError, match="size limit"):
            await list_addresses(Server(small.url, **PEOPLE_SERVER))  # type: ignore[arg-type]  # its texts


async def test_who_exists_is_asked_once_for_all_and_an_outage_keeps_the_last_list() -> None:
    now, asked, broken = [0.0], list[float](), [False]

    async def fetch() -> list[str]:
        asked.append(now[0])
        await asyncio.sleep(0)
        if broken[0]:
            raise OwnError("down")
        return ["a@hopital.example", "no address", "b"]

    existing = ListedElsewhere(fetch, lambda: now[0])
    who = Address("a@hopital.example")
    assert await asyncio.gather(*(existing.knows(who) for _ in range(5))) == [True] * 5
    assert asked == [0.0]
    assert not await existing.knows(Address("c@hopital.example"))
    now[0], broken[0] = 1000.0, True
    assert await existing.knows(who)
    with pytest.raises(OwnError):
        await existing.addresses()
    now[0] = 1001.0
    assert await existing.knows(who)
    assert asked == [0.0, 1000.0], "not again at once"
    now[0], broken[0] = 1100.0, False
    assert list(await existing.addresses()) == [who]


def test_a_certificate_is_made_for_everybody_in_the_directory(people: Slapd) -> None:
    own = {"domains": ["hopital.example"], "addresses": {"ldap": 0}}
    directory = {"url": people.url, **PEOPLE_SERVER, "filter": "(&(cn=p1)(mail={address}))"}
    with Relay({"own": own, "lookup": {"sources": ["keyring", "ldap"], "ldap": [directory]}}) as relay:
        relay.run("own", "create", "Hôpital Exemple")
        relay.start()
        listed = wait_for(lambda: json.loads(relay.run("own", "list", "--json").stdout), "somebody has a certificate")
        assert [own["address"] for own in listed] == ["p1@hopital.example"]
        relay.stop()
        stop_agent(relay.keyring)
