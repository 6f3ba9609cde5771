"""A directory that answers only who logs in, through config.yaml: `bind_dn` and `password_file`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from lab.certificates import Keypair, make_keypair
from lab.relay import Relay
from lab.slapd import PEOPLE, Slapd, person_entry
from lab.timed import send
from lab.waiting import wait_for

BOB = "bob@ville.example"
READER = f"cn=reader,{PEOPLE}"
PASSWORD, WRONG = "sehr-geheim-7", "ganz-falsch-7"  # of a server that lives for one test
RIGHTS = f'access to attrs=userPassword by anonymous auth\naccess to * by dn.exact="{READER}" read'


@dataclass
class Site:
    relay: Relay
    directory: Slapd
    bob: Keypair

    def write(self, first_line: str) -> None:
        (self.relay.folder / "ldap-password").write_text(f"{first_line}\nwhat follows is a remark\n")

    def lookup(self) -> tuple[dict[str, str], str]:
        """What the directory says of Bob now, and all that the command printed."""
        done = self.relay.run("keys", "lookup", BOB, "--fresh", "--json")
        (told,) = [answer for answer in json.loads(done.stdout) if answer["source"] == "ldap"]
        return told, (done.stdout + done.stderr).decode()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        directory = stack.enter_context(Slapd(access=RIGHTS, settings="disallow bind_anon"))
        directory.add_root()
        bob = make_keypair(f"<{BOB}>")
        reader = f"dn: {READER}\nobjectClass: person\ncn: reader\nsn: reader\nuserPassword: {PASSWORD}\n\n"
        directory.add(person_entry("bob", [BOB], bob.public) + reader)
        server = {"url": directory.url, "base": PEOPLE, "filter": "(mail={address})", "attribute": "siteKey"}
        server["timeout"] = "10s"
        server |= {"bind_dn": READER, "password_file": "ldap-password"}
        lookup = {"sources": ["keyring", "ldap"], "ldap": [server]}
        yield Site(stack.enter_context(Relay({"lookup": lookup})), directory, bob)


def test_a_login_with_the_password_in_the_file_finds_the_key(site: Site) -> None:
    site.write(PASSWORD)
    told, printed = site.lookup()
    assert (told["result"], told["fingerprint"], told["method"]) == ("found", site.bob.fingerprint, "ldap/site")
    assert f'BIND dn="{READER}" mech=SIMPLE' in site.directory.log
    assert PASSWORD not in printed


def test_a_wrong_password_in_the_file_is_an_outage_and_stands_neither_in_the_log_nor_in_what_is_printed(
    site: Site,
) -> None:
    site.write(WRONG)
    told, printed = site.lookup()
    assert (told["result"], told["reason"]) == ("unavailable", "the directory refuses the login")
    site.relay.start()
    reply = asyncio.run(send(f"lmtp://127.0.0.1:{site.relay.port}", "new@ville.example"))
    site.relay.stop()
    assert reply.startswith("451 4.4.3"), reply
    wait_for(lambda: "err=49" in site.directory.log, "slapd tells what it answered after it has")
    assert "the directory refuses the login" in site.relay.log
    for secret in (WRONG, PASSWORD):
        assert secret not in printed + site.relay.log + reply
