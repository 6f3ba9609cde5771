"""Relay and public service together: what is published, what is lost on the way, what the service cannot reach."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from lab.gnupghome import stop_agent
from lab.ports import free_port
from lab.public import WebPublic
from lab.relay import PROGRAM, Relay
from lab.silent import silent
from lab.tls import Identity, make_identity
from lab.waiting import wait_for

from relay.channel.client import Channel
from relay.config import load
from relay.daemon import tls
from relay.model import Address
from relay.model.endpoint import HttpPlace
from relay.model.errors import ChannelError
from relay.model.public import ObjectKind, PublicObject
from relay.model.wkd_location import locations

pytestmark = pytest.mark.waits

MARTIN, DESK, NEW = "dr.martin@hopital.example", "accueil@hopital.example", "dr.neuf@hopital.example"
HIDE = 'for there in $HIDDEN; do mount -t tmpfs none "$there"; done; exec "$@"'


def path(address: str) -> str:
    found = locations(Address(address))
    assert found
    return found[0].path


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Relay, WebPublic]]:
    """A relay with own addresses, and the public service, for which the relay's folder and others do not exist."""
    with Relay() as relay, WebPublic(settings=_of_the_relay(relay)) as web:
        hidden = [relay.folder, Path("/etc/ldap"), Path("/root"), Path("/var/lib")]
        web.program = ("env", f"HIDDEN={' '.join(str(place) for place in hidden if place.is_dir())}")
        web.program += ("unshare", "--mount", "--propagation", "private", "sh", "-c", HIDE, "sh", PROGRAM)
        relay.configure(
            {**relay.settings, "own": {"domains": ["hopital.example"]}, "web": {"channel": f"unix:{web.socket}"}}
        )
        relay.run("own", "create", "Hôpital Exemple")
        relay.run("own", "add", MARTIN)
        relay.run("own", "add", "--unlisted", DESK)
        yield relay, web
        stop_agent(relay.keyring)


def _of_the_relay(relay: Relay) -> dict[str, object]:
    """What the file says beside `web`: all of it is out of the service's reach."""
    return {
        "keyring": str(relay.keyring),
        "own": {"domains": ["hopital.example"], "addresses": str(relay.folder / "addresses")},
        "lookup": {"ldap": [{"url": "ldaps://directory.example", "ca_file": "/etc/ldap/ca.pem"}]},
        "sign": {"passphrase_file": str(relay.folder / "passphrase")},
        "database": f"sqlite:///{relay.folder}/relay.db",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_the_directory_follows_the_relay_though_none_of_the_relays_folders_exist_for_it(
    pair: tuple[Relay, WebPublic],
) -> None:
    relay, web = pair
    relay.start()
    relay.wait_event("public_unreachable")  # and it serves mail meanwhile
    web.configure({**web.settings, "web": {**web.settings["web"], "public_database": str(web.folder / "public.db")}})
    web.start()
    inside = Path(f"/proc/{web.pid}/root")
    assert not (inside / str(relay.keyring).removeprefix("/")).exists()
    assert relay.keyring.exists()

    wait_for(lambda: web.ask(path(MARTIN)).status == 200, "published")
    assert relay.wait_event("published")["changed"] == 2, "the certificate, and the domain's policy"
    assert relay.wait_event("public_reached")
    assert web.ask(path(MARTIN)).body == _dearmored(relay.run("own", "show", MARTIN).stdout)
    assert (web.ask(path(DESK)).status, web.ask("/.well-known/openpgpkey/hopital.example/policy").status) == (404, 200)

    told = relay.run("check", "--json", check=False).stdout.decode()
    assert f"answers on unix:{web.socket}; 0 events wait" in told

    relay.run("own", "add", NEW)
    wait_for(lambda: web.ask(path(NEW)).status == 200, "the new one", 20)
    before = web.ask(path(NEW)).fields["etag"]
    relay.run("own", "revoke", NEW, "--yes")
    wait_for(lambda: web.ask(path(NEW)).fields["etag"] != before, "revoked", 20)

    web.kill()
    web.start()
    assert web.ask(path(MARTIN)).status == 200, "from its own database"
    web.stop()
    for file in web.folder.glob("public.db*"):
        file.unlink()
    web.start()
    wait_for(lambda: web.ask(path(MARTIN)).status == 200, "an empty database is filled again", 20)
    assert {line["event"] for line in web.events} == {"ready", "stopping", "stopped"}


def _dearmored(armored: bytes) -> bytes:
    return subprocess.run(["gpg", "--dearmor"], input=armored, capture_output=True, check=True).stdout


def test_over_tcp_both_ends_show_a_certificate_of_the_authority(tmp_path: Path) -> None:
    for name in ("authority", "foreign"):
        (tmp_path / name).mkdir()
    ours, foreign = make_identity(tmp_path / "authority"), make_identity(tmp_path / "foreign")
    port = free_port()
    keys = {"certificate": str(ours.certificate), "key": str(ours.key), "ca_file": str(ours.certificate)}
    there = {"channel": f"127.0.0.1:{port}", "channel_tls": keys}
    with WebPublic(there) as web:
        web.start()
        file = tmp_path / "config.yaml"
        file.write_text(yaml.safe_dump({"policy": [], "web": there}))
        relays = tls.channel(load(file), ssl.Purpose.SERVER_AUTH)
        assert relays
        _put(port, relays, web)
        with pytest.raises(ChannelError, match="not one of the authority"):
            _put(port, _both(foreign), web)
        stranger = ours.client()
        with pytest.raises(ChannelError):
            _put(port, stranger, web)
        stranger.load_cert_chain(foreign.certificate, foreign.key)
        with pytest.raises(ChannelError):
            _put(port, stranger, web)
        assert web.raw(b"GET /objects/certificates HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").startswith(
            b"HTTP/1.1 404"
        )
        with silent(port, 200):  # handshakes that never end, more than it takes connections
            _put(port, relays, web)


def _both(identity: Identity) -> ssl.SSLContext:
    return identity.client(shows_itself=True)


def _put(port: int, context: ssl.SSLContext, web: WebPublic) -> None:
    async def put() -> None:
        channel = Channel(HttpPlace("127.0.0.1", port), context)
        try:
            await channel.put(PublicObject(ObjectKind.CERTIFICATES, "hopital.example/policy", b""))
        finally:
            await channel.close()

    asyncio.run(put())
    assert web.ask("/.well-known/openpgpkey/hopital.example/policy").status == 200
