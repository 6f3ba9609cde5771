"""Whose signature is good: by keys from the author's Web Key Directory, bindings, and what an administrator decided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from lab.hospital import DR, Correspondent, Hospital, inside, mark, outer, pgp_mime
from lab.published import Published

BODY = b"Confidential findings of patient number thirteen\r\n"


@dataclass
class Site:
    hospital: Hospital
    wkd: Published

    def signature(self, who: Correspondent, author: str = "") -> dict[str, str]:
        """What the mark says of a mail that this person signed."""
        author = author or who.address
        message = who.encrypt(inside(BODY, author), self.hospital.certificates[DR])
        (mail,) = self.hospital.take(pgp_mime(message, outer(author)), DR)
        found = mark(mail)
        assert found["encryption"] == "decrypted"
        return {name: found[name] for name in ("signature", "signer") if name in found}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        wkd = stack.enter_context(Published("ville.example"))
        lookup = {"sources": ["keyring", "wkd"], "wkd": wkd.settings, "cache": {"found": "0s", "not_found": "0s"}}
        yield Site(stack.enter_context(Hospital("sequoia", {"lookup": lookup})), wkd)


def test_a_key_that_the_authors_domain_publishes(site: Site) -> None:
    anna = Correspondent.new("anna@ville.example")
    assert site.signature(anna) == {"signature": "unknown"}
    site.wkd.publish(anna.address, anna.keys.public)
    assert site.signature(anna) == {"signature": "good", "signer": f"<{anna.address}>"}
    other = {"signature": "other", "signer": f"<{anna.address}>"}
    assert site.signature(anna, "berta@ville.example") == other


def test_a_key_that_names_another_domain_speaks_for_its_own_alone(site: Site) -> None:
    """Anybody can write anybody's address into a user id of their own key."""
    eve = Correspondent.new("eve@ville.example")
    forged = Correspondent.new("dora@ville.example")
    site.wkd.publish(eve.address, eve.keys.public + forged.keys.public)
    assert site.signature(forged)["signature"] in {"unknown", "other"}


def test_what_an_administrator_imported_stands_before_what_the_domain_publishes(site: Site) -> None:
    carl, other = (Correspondent.new("carl@ville.example") for _ in range(2))
    site.hospital.imports(carl.keys.public)
    site.wkd.publish(carl.address, other.keys.public)
    assert site.signature(carl)["signature"] == "good"
    assert site.signature(other) == {"signature": "unknown"}


def test_a_binding_that_signs(site: Site) -> None:
    gateway = Correspondent.new("gateway@klinik.example")
    site.hospital.imports(gateway.keys.public)
    author = "doktor@klinik.example"
    assert site.signature(gateway, author) == {"signature": "other", "signer": f"<{gateway.address}>"}
    site.hospital.relay.run("keys", "bind", "*@klinik.example", gateway.keys.fingerprint, "--signs")
    assert site.signature(gateway, author) == {"signature": "good", "signer": f"<{author}>"}
    site.hospital.relay.run("keys", "bind", "*@klinik.example", gateway.keys.fingerprint)
    assert site.signature(gateway, author)["signature"] == "other"


def test_a_directory_that_is_down_stops_no_mail(site: Site) -> None:
    nobody = Correspondent.new("nobody@unreachable.invalid")
    assert site.signature(nobody) == {"signature": "unknown"}
