"""Keys that a partner's organisation vouches for, and keys of a keyserver: from real servers to the decision."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab.certificates import fingerprint, make_keypair
from lab.gnupghome import generate, gnupg_home, gpg
from lab.published import Published
from lab.relay import Relay
from lab.wkd import Exchange

from relay.mail.armor import enarmor

KEYS = "keys.example"
POLICY = [{"name": "approved", "trust": "approved"}]
PATIENT = "from relay.keys import resolver; resolver.REFRESH = 30.0"
"""A mail waits for two seconds for the source of a key that is known, and takes what is known after that."""


@dataclass
class Site:
    relay: Relay
    wkd: Published
    home: Path
    """A partner's GnuPG."""
    authority: str

    def vouched(self, address: str, *, signed: bool = True) -> str:
        """A new key at the partner, published by WKD; its fingerprint."""
        key = generate(self.home, f"<{address}>")
        if signed:
            gpg(self.home, "--yes", "--local-user", self.authority, "--quick-sign-key", key)
        self.wkd.publish(address, gpg(self.home, "--export", key).stdout)
        return key

    def explained(self, to: str) -> dict[str, Any]:
        words = ("explain", "--from", "a@hopital.example", "--to", to, "--json")
        found: dict[str, Any] = json.loads(self.relay.run(*words).stdout)
        return found


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    published = Published("chu.example", "autre.example", "ville.example")
    published.hosts.append(KEYS)
    with published as wkd, gnupg_home() as home:
        authority = generate(home, "CHU <cles@chu.example>")
        settings = {
            "reinject": "smtp://127.0.0.1:1",
            "policy": POLICY,
            "authorities": [{"key": authority, "domains": ["chu.example"]}],
            "lookup": {
                "sources": ["keyring", "wkd"],
                "wkd": wkd.settings,
                "vks": [f"https://{KEYS}"],
                "timeout": "60s",
            },
        }
        with Relay(settings) as relay:
            relay.altered = PATIENT
            relay.run("keys", "import", "-", content=gpg(home, "--export", authority).stdout)
            yield Site(relay, wkd, home, authority)


def test_what_an_authority_certifies_for_its_own_domain_is_as_good_as_approved(site: Site) -> None:
    key = site.vouched("bob@chu.example")
    found = site.explained("bob@chu.example")
    assert (found["action"], found["origin"], found["fingerprint"]) == ("encrypt", "authority", key)
    again = site.explained("bob@chu.example")
    assert (again["action"], again["origin"]) == ("encrypt", "authority")


def test_without_its_certification_or_for_another_domain_the_key_is_not_good_enough(site: Site) -> None:
    site.vouched("ann@chu.example", signed=False)
    site.vouched("bob@autre.example")
    for address in ("ann@chu.example", "bob@autre.example"):
        found = site.explained(address)
        assert (found["action"], found["origin"]) == ("refuse", "wkd")
        assert found["reason"] == "the key that was found has to be approved before this rule uses it"


def test_with_a_change_of_the_authority_its_word_is_judged_again_at_once(site: Site) -> None:
    """And not when the answer of the key's source is old."""
    relay, key = site.relay, site.vouched("eva@chu.example")
    ours = relay.settings["authorities"]
    assert site.explained("eva@chu.example")["origin"] == "authority"
    for other in ([], [{"key": site.authority, "domains": ["autre.example"]}]):
        relay.configure({**relay.settings, "authorities": other})
        found = site.explained("eva@chu.example")
        assert (found["action"], found["origin"], found["fingerprint"]) == ("refuse", "wkd", key)
    relay.configure({**relay.settings, "authorities": ours})
    assert site.explained("eva@chu.example")["origin"] == "authority", "an authority that comes back counts at once"
    certificate = gpg(site.home, "--export", site.authority).stdout
    revocation = (site.home / "openpgp-revocs.d" / f"{site.authority}.rev").read_bytes()
    relay.run("keys", "import", "-", content=revocation.replace(b":-----BEGIN", b"-----BEGIN"))
    assert site.explained("eva@chu.example")["action"] == "refuse", "a revoked authority vouches for nobody"
    relay.run("keys", "remove", site.authority)
    assert site.explained("eva@chu.example")["action"] == "refuse"
    relay.run("keys", "import", "-", content=certificate)
    assert site.explained("eva@chu.example")["origin"] == "authority"
    site.wkd.behave("chu.example", broken)
    assert site.explained("eva@chu.example")["origin"] == "authority"
    relay.configure({**relay.settings, "authorities": []})
    assert site.explained("eva@chu.example")["action"] == "refuse", "its source is down"
    relay.configure({**relay.settings, "authorities": ours})
    site.wkd.behave("chu.example", None)


async def broken(exchange: Exchange) -> None:
    await exchange.answer(b"", "500 Internal Server Error")


def test_check_was_silent_about_an_authority_that_vouches_for_nobody(site: Site) -> None:
    """All its people's keys were "not approved", and nothing said why."""
    ours, missing = site.relay.settings["authorities"], "0" * 40
    site.relay.configure(
        {**site.relay.settings, "authorities": [*ours, {"key": missing, "domains": ["autre.example"]}]}
    )
    findings = json.loads(site.relay.run("check", "--json", check=False).stdout)
    site.relay.configure({**site.relay.settings, "authorities": ours})
    told = next((each["ok"], each["message"]) for each in findings if each["name"] == "authorities")
    assert told == (False, f"{missing} is not imported, or revoked or expired: it vouches for nobody")


def test_a_keyservers_key_is_found_and_its_404_counts_once_it_is_known_to_be_one(site: Site) -> None:
    pair = make_keypair("<eve@ville.example>")
    there = {"/vks/v1/by-email/eve%40ville.example": enarmor(pair.public, "PUBLIC KEY BLOCK")}

    async def keyserver(exchange: Exchange) -> None:
        body = there.get(exchange.request.target)
        await exchange.answer(body or b"", "200 OK" if body else "404 Not Found")

    site.wkd.server.behaviours[KEYS] = keyserver
    site.relay.configure({**site.relay.settings, "policy": [{"name": "all", "encrypt": "preferred"}]})
    unproved = site.explained("nobody@ville.example")
    assert (unproved["action"], unproved["reason"]) == ("defer", "vks: the server has not proved to be a keyserver")
    found = site.explained("eve@ville.example")
    assert (found["action"], found["origin"]) == ("encrypt", "vks")
    assert found["fingerprint"] == fingerprint(pair.public)
    assert site.explained("no.one@ville.example")["action"] == "clear"


def test_own_certify_prints_a_partners_key_with_our_certification(site: Site) -> None:
    relay, partner = site.relay, make_keypair("Partner <cles@partenaire.example>")
    relay.run("keys", "import", "-", content=partner.public)
    relay.configure({**relay.settings, "own": {"domains": ["hopital.example"]}})
    ours, _, public = relay.run("own", "create", "Hôpital").stdout.decode().partition("\n")
    certified = relay.run("own", "certify", partner.fingerprint).stdout
    with gnupg_home() as home:
        gpg(home, "--import", content=public.encode() + certified)
        listing = gpg(home, "--with-colons", "--check-sigs", partner.fingerprint).stdout.decode()
    assert any(line.startswith("sig:!:") and line.split(":")[4] == ours[-16:] for line in listing.splitlines())
