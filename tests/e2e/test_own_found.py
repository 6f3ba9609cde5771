"""Correspondents' own programs find the certificates of 1,000 own addresses by WKD, and encrypt to them.

gpg and sq ask a web server by HTTPS as they ask any domain: its name and its authority are put into their view of the
file system (mount namespaces: needs root). rnp and openpgp.js take the same certificates from the tree.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.certificates import make_keypair
from lab.gnupghome import gnupg_home, gpg, stop_agent
from lab.openpgpjs import needs_openpgpjs
from lab.published import Published
from lab.relay import Relay
from lab.wkd import Behaviour, Exchange, WkdServer
from lab.writers import WRITERS

from relay.mail import autocrypt, packets
from relay.mail.certificate_parts import parts
from relay.mail.fingerprints import fingerprint
from relay.model import Address
from relay.model.wkd_location import hashed

pytestmark = pytest.mark.waits

COUNT = 1000
ADDRESSES = [f"Dr.Martin{number}@hopital.example" for number in range(COUNT)]
ALL = [pytest.mark.slow, pytest.mark.timeout(1800)]
"""For a test of every address."""
PLACE = "127.0.0.77"
ECDH = 18
"""RFC 9580 section 9.1."""
BY = make_keypair("Bob <bob@example.org>")


@dataclass
class Site:
    relay: Relay
    web: Published
    hosts: Path

    def within(self, *words: str) -> list[str]:
        """The command where openpgpkey.hopital.example is our web server, and our authority is the system's."""
        mounts = 'mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/ssl/certs/ca-certificates.crt && shift'
        ca_file = str(self.web.server.ca_file)
        return ["unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', str(self.hosts), ca_file, *words]

    def opened(self, address: str, message: bytes) -> bytes:
        """As gpg decrypts with the secret parts of the keyring folder and the certificate of this address alone."""
        public = self.relay.folder / "one.pgp"
        public.write_bytes(self.tree(address))
        words = ("--no-default-keyring", "--keyring", str(public), "--decrypt")
        return gpg(self.relay.keyring, *words, content=message, check=False).stdout

    def tree(self, address: str) -> bytes:
        return (self.web.root / "hopital.example" / "hu" / hashed(address.partition("@")[0].encode())).read_bytes()


def answering_once(server: WkdServer) -> Behaviour:
    """Answers as a server that closes the connection: dirmngr reads up to its end."""

    async def answer(exchange: Exchange) -> None:
        await server.serve_tree(exchange)
        exchange.writer.close()

    return answer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    web = Published("hopital.example")
    web.server.address, web.server.port = PLACE, 443
    hosts = tmp_path_factory.mktemp("own") / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{PLACE} openpgpkey.hopital.example\n")
    places = {"openpgpkey.hopital.example:443": f"{PLACE}:443"}
    with web, Relay({"engine": "sequoia", "own": {"domains": ["hopital.example"]}}) as relay:
        wkd = {"ca_file": str(web.server.ca_file), "connect_to": places, "timeout": "60s"}
        relay.configure({**relay.settings, "lookup": {"sources": ["keyring", "wkd"], "wkd": wkd}})
        relay.run("own", "create", "Hôpital Exemple")
        relay.run("own", "add", *ADDRESSES)
        relay.run("wkd", "export", web.root)
        yield Site(relay, web, hosts)
        stop_agent(relay.keyring)


def test_all_of_them_are_found_as_they_are_published(site: Site) -> None:
    told = site.relay.run("wkd", "export", site.web.root, "--check").stdout
    assert told == f"{COUNT} of {COUNT} addresses are found as they are published\n".encode()


@pytest.mark.parametrize("each", [50, pytest.param(1, marks=ALL)])
def test_gpg_finds_them_and_encrypts_to_them(site: Site, each: int) -> None:
    site.web.behave("hopital.example", answering_once(site.web.server))
    wanted = ADDRESSES[::each]
    with gnupg_home() as theirs:
        (theirs / "dirmngr.conf").write_text("standard-resolver\n")
        words = [
            "gpg",
            "--homedir",
            str(theirs),
            "--batch",
            "--no-auto-check-trustdb",
            "--auto-key-locate",
            "clear,wkd",
        ]
        found = subprocess.run(
            site.within(*words, "--with-colons", "--locate-external-keys", *wanted), capture_output=True, check=True
        )
        uids = {line.split(":")[9] for line in found.stdout.decode().splitlines() if line.startswith("uid:")}
        assert uids == set(wanted)
        for address in wanted[:3]:
            message = gpg(
                theirs, "--trust-model", "always", "--recipient", address, "--encrypt", content=b"answer"
            ).stdout
            assert site.opened(address, message) == b"answer"
            assert site.opened(wanted[5], message) == b"", "the secret part is there, the address is another"


@pytest.mark.parametrize("each", [200, pytest.param(1, marks=ALL)])
def test_sq_finds_them(site: Site, each: int) -> None:
    site.web.behave("hopital.example", answering_once(site.web.server))
    for address in ADDRESSES[each // 2 :: each]:
        got = subprocess.run(site.within("sq", "wkd", "get", "--binary", address), capture_output=True, check=True)
        message = WRITERS["sq"](b"answer", got.stdout, BY.secret)
        assert site.opened(address, message) == b"answer"


PROGRAMS = [pytest.param(name, marks=[needs_openpgpjs] if name == "openpgp.js" else []) for name in WRITERS]


@pytest.mark.parametrize("form", ["tree", "autocrypt"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_what_others_encrypt_to_a_certificate_of_the_tree_or_of_an_autocrypt_field_opens(
    site: Site, program: str, form: str
) -> None:
    address = ADDRESSES[42]
    certificate = site.tree(address)
    if form == "autocrypt":
        subkeys = [body for tag, body in parts(certificate) if tag == packets.PUBLIC_SUBKEY]
        (encrypting,) = [fingerprint(body) for body in subkeys if body[5] == ECDH]
        line = autocrypt.field(Address(address), certificate, encrypting)
        certificate = base64.b64decode(b"".join(line.partition(b"keydata=")[2].split()))
    message = WRITERS[program](b"answer", certificate, BY.secret)
    assert site.opened(address, message) == b"answer"
