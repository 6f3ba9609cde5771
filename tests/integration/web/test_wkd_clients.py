"""What correspondents' programs, gpg and sq, find in the Web Key Directory of `web public` over HTTPS."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.gnupghome import stop_agent
from lab.public import WebPublic
from lab.relay import Relay
from lab.tls import Identity, make_identity
from lab.waiting import wait_for
from lab.wkd_clients import look_up

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

HOST = "openpgpkey.hopital.example"
MARTIN, DESK, HIDDEN = "Dr.Martin@hopital.example", "accueil@hopital.example", "direction@hopital.example"


@dataclass(frozen=True)
class Site:
    web: WebPublic
    identity: Identity
    fingerprints: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    identity = make_identity(tmp_path_factory.mktemp("tls"), f"DNS:{HOST}")
    with Relay({"engine": "sequoia"}) as relay, WebPublic() as web:
        web.configure({**web.settings, "web": {"public": f"unix:{web.folder}/http.sock"}})
        own = {"own": {"domains": ["hopital.example"]}, "web": {"channel": f"unix:{web.socket}"}}
        relay.configure({**relay.settings, **own})
        relay.run("own", "create", "Hôpital Exemple")
        relay.run("own", "add", MARTIN, DESK)
        relay.run("own", "add", "--unlisted", HIDDEN)
        web.start()
        relay.start()
        wait_for(lambda: "published" in relay.log, "published")
        listed = relay.run("own", "list", "--json").stdout
        yield Site(web, identity, _fingerprints(listed))
        stop_agent(relay.keyring)


def _fingerprints(listed: bytes) -> dict[str, str]:
    return {own["address"]: own["fingerprint"] for own in json.loads(listed)}


def test_gpg_finds_and_encrypts_to_what_is_listed_and_to_nothing_else(site: Site, tmp_path: Path) -> None:
    script = f"""
    export GNUPGHOME={tmp_path}/g
    mkdir -m 700 $GNUPGHOME
    echo standard-resolver > $GNUPGHOME/dirmngr.conf
    for address in {MARTIN} {DESK} {HIDDEN}; do
        gpg --batch --auto-key-locate clear,wkd --locate-external-keys $address || echo not found
    done
    gpg --batch --with-colons --list-keys
    echo secret | gpg --batch --trust-model always --armor --encrypt --recipient {DESK}
    gpgconf --kill all
    """
    done = look_up(tmp_path, site.web.folder / "http.sock", HOST, site.identity, script)

    assert done.returncode == 0, done.stderr
    assert all(f":{site.fingerprints[address]}:" in done.stdout for address in (MARTIN, DESK))
    assert site.fingerprints[HIDDEN] not in done.stdout
    assert done.stdout.count("not found") == 1
    assert "BEGIN PGP MESSAGE" in done.stdout


@pytest.mark.skipif(shutil.which("sq") is None, reason="sq is not installed")
def test_sq_finds_the_same(site: Site, tmp_path: Path) -> None:
    script = f"""
    export SSL_CERT_FILE=$CERTIFICATE HOME={tmp_path}
    for address in {MARTIN} {DESK}; do sq wkd get $address | sq inspect; done
    sq wkd get {HIDDEN} || echo not found
    """
    done = look_up(tmp_path, site.web.folder / "http.sock", HOST, site.identity, script)

    assert all(site.fingerprints[address] in done.stdout.replace(" ", "") for address in (MARTIN, DESK)), done.stderr
    assert "not found" in done.stdout
