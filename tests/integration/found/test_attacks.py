"""People who want others' mail, or want it clear: what each may write, and what the relay makes of it.

The owner of a domain, of an entry in a directory, of a key that was imported, and the sender. All through the real
relay process, under rules that would send clear where no key exists; the trace says which key was taken and why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from lab.certificates import USER_ID, make_keypair, split
from lab.published import Published
from lab.relay import Relay
from lab.sink import Sink
from lab.slapd import PEOPLE, Slapd, person_entry
from lab.timed import send
from lab.wkd import Exchange

DOMAIN, BROKEN, DOWN = "ville.example", "broken.example", "down.example"
POLICY: list[dict[str, Any]] = [
    {"name": "their WKD is broken", "to": [f"*@{BROKEN}"], "encrypt": "preferred", "wkd_outage": "not_found"},
    {"name": "clear where no key exists", "to": [f"*@{DOWN}"], "encrypt": "preferred"},
    {"name": "everyone else", "encrypt": "required"},
]


@dataclass
class Site:
    relay: Relay
    sink: Sink
    wkd: Published
    directory: Slapd

    def send(self, *addresses: str) -> list[str]:
        """The answers' first words."""

        async def all_of_them() -> list[str]:
            return [(await send(f"lmtp://127.0.0.1:{self.relay.port}", address))[:9] for address in addresses]

        return asyncio.run(all_of_them())

    def decided(self, *addresses: str) -> list[tuple[str, str]]:
        """For each the action of its last mail, and the key."""
        rows = {row["recipient"]: (row["action"], row["fingerprint"]) for row in self.relay.trace()}
        return [rows[address] for address in addresses]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        directory = stack.enter_context(Slapd())
        directory.add_root()
        wkd = stack.enter_context(Published(DOMAIN, BROKEN, DOWN))
        server = {"url": directory.url, "base": PEOPLE, "filter": "(mail={address})", "attribute": "siteKey"}
        server["timeout"] = "10s"
        lookup = {"ldap": [server], "wkd": wkd.settings}
        settings = {"reinject": f"smtp://127.0.0.1:{sink.port}", "lookup": lookup, "policy": POLICY}
        relay = stack.enter_context(Relay(settings))
        relay.start()
        yield Site(relay, sink, wkd, directory)


@pytest.fixture(autouse=True)
def nothing_clear(site: Site) -> Iterator[None]:
    site.sink.forget()
    yield
    clear = [taken.recipients for taken in site.sink.taken if b"the clear body" in taken.content]
    assert [r for r in clear if f"@{BROKEN}" not in str(r)] == []


def test_a_key_whose_user_id_merely_contains_the_address_is_not_the_addressees(site: Site) -> None:
    """A domain publishes what its users upload: one of them uploads for another, or for what looks like another."""
    forms = [
        '"{}" <mallory@evil.example>',
        "{} <mallory@evil.example>",
        "<x{}>",
        "<{}.evil.example>",
        "<{}> <mallory@evil.example>",
        "<mallory@evil.example> ({})",
        "{} mallory",
        "<\N{ZERO WIDTH SPACE}{}>",
        "<\N{CYRILLIC SMALL LETTER A}{}>",
    ]
    victims = [f"a{n}@{DOMAIN}" for n in range(len(forms))]
    for victim, form in zip(victims, forms, strict=True):
        site.wkd.publish(victim, make_keypair(form.format(victim)).public)
    assert site.send(*victims) == ["250 2.0.0"] * len(victims)
    assert [action for action, _ in site.decided(*victims)] == ["refuse"] * len(victims)


def test_a_key_of_another_tag_or_of_letters_that_fold_alike_is_not_the_addressees(site: Site) -> None:
    tagged, sharp, plain = (make_keypair(f"<{a}@{DOMAIN}>") for a in ("ann+private", "groß", "carl"))
    site.relay.run("keys", "import", "-", content=tagged.public + sharp.public + plain.public)
    refused, encrypted = (
        [f"ann@{DOMAIN}", f"ann+work@{DOMAIN}", f"gross@{DOMAIN}"],
        [f"CARL@{DOMAIN}", f"carl+x@{DOMAIN}"],
    )
    site.send(*refused, *encrypted)
    assert site.decided(*refused) == [("refuse", "")] * 3
    assert site.decided(*encrypted) == [("encrypt", plain.fingerprint)] * 2


def test_who_writes_an_entry_of_the_directory_speaks_for_no_other_address(site: Site) -> None:
    """Her own entry held a key with the addressee of other people's mail in a second user id: it was taken for both."""
    mallory, victim = f"mallory@{DOMAIN}", f"victim@{DOMAIN}"
    key = make_keypair(f"<{mallory}>", f"<{victim}>")
    site.directory.add(person_entry("mallory", [mallory], key.public))
    site.send(mallory, victim)
    assert site.decided(mallory, victim) == [("encrypt", key.fingerprint), ("refuse", "")]


def test_a_domain_that_gives_its_user_the_key_of_another_does_not_replace_an_imported_one(site: Site) -> None:
    good, other = make_keypair(f"<dora@{DOMAIN}>"), make_keypair(f"<eve@{DOMAIN}>", f"<dora@{DOMAIN}>")
    only_eve = b"".join(octets for octets in _without(other.public, f"<dora@{DOMAIN}>"))
    site.relay.run("keys", "import", "-", content=good.public + only_eve)
    site.wkd.publish(f"dora@{DOMAIN}", other.public)
    site.relay.run("keys", "lookup", f"dora@{DOMAIN}", "--fresh")
    site.send(f"dora@{DOMAIN}", f"eve@{DOMAIN}")
    assert site.decided(f"dora@{DOMAIN}", f"eve@{DOMAIN}") == [
        ("encrypt", good.fingerprint),
        ("encrypt", other.fingerprint),
    ]


def _without(certificate: bytes, user_id: str) -> Iterator[bytes]:
    dropped = False
    for tag, octets in split(certificate):
        dropped = octets.endswith(user_id.encode()) if tag == USER_ID else dropped and tag == 2
        if not dropped:
            yield octets


def test_odd_answers_are_read_as_far_as_they_are_good(site: Site) -> None:
    """Ten thousand user ids, fifty certificates, one that is revoked, one that is cut off."""
    many, fifty, revoked, cut = (f"{name}@{DOMAIN}" for name in ("many", "fifty", "revoked", "cut"))
    of_many, of_cut, of_revoked = (make_keypair(f"<{a}>") for a in (many, cut, revoked))
    head, *rest = split(of_many.public)
    strangers = b"".join(_packet(f"<u{n}@{DOMAIN}>".encode()) for n in range(9_999))
    site.wkd.publish(many, head[1] + strangers + b"".join(octets for _, octets in rest))
    of_fifty = [make_keypair(f"<{fifty}>") for _ in range(50)]
    site.wkd.publish(fifty, b"".join(key.public for key in of_fifty))
    site.wkd.publish(revoked, of_revoked.public + of_revoked.revocation)
    site.wkd.publish(cut, of_cut.public[:-20])
    assert site.send(many, fifty, revoked, cut) == ["250 2.0.0"] * 3 + ["451 4.4.3"]
    got_many, got_fifty, got_revoked, got_cut = site.decided(many, fifty, revoked, cut)
    assert got_many == ("encrypt", of_many.fingerprint)
    assert got_fifty in [("encrypt", key.fingerprint) for key in of_fifty]
    assert got_revoked == ("refuse", of_revoked.fingerprint)
    assert got_cut == ("defer", "")


def _packet(user_id: bytes) -> bytes:
    return bytes((0xC0 | USER_ID, len(user_id))) + user_id


def test_an_outage_is_excused_for_the_domains_of_a_rule_alone_and_a_revocation_never(site: Site) -> None:
    async def fails(exchange: Exchange) -> None:
        await exchange.answer(b"", "503 Service Unavailable")

    gone = make_keypair(f"<gone@{BROKEN}>")
    site.wkd.publish(f"gone@{BROKEN}", gone.public + gone.revocation)
    assert site.send(f"gone@{BROKEN}") == ["250 2.0.0"]
    for domain in (BROKEN, DOWN):
        site.wkd.behave(domain, fails)
    assert site.send(f"nobody@{BROKEN}", f"nobody@{DOWN}", f"gone@{BROKEN}") == ["250 2.0.0", "451 4.4.3", "250 2.0.0"]
    assert site.decided(f"nobody@{BROKEN}", f"nobody@{DOWN}") == [("clear", ""), ("defer", "")]
    (rule,) = {row["rule"] for row in site.relay.trace("--to", f"nobody@{BROKEN}")}
    assert rule == "their WKD is broken"
    assert site.decided(f"gone@{BROKEN}") == [("refuse", gone.fingerprint)]
