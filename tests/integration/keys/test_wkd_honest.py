"""Directories that GnuPG and Sequoia write, asked over TLS and judged by GnuPG."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from lab.certificates import Keypair, join, make_keypair, split
from lab.gnupghome import expired_certificate, generate, gnupg_home, gpg
from lab.rfc9580_keys import make_rfc9580_keypair
from lab.unsigned_packets import CERTIFICATION, packet, signature
from lab.wkd import Exchange, WkdServer, asking, nowhere

from relay.mail import armor
from relay.model import Address, Found, Lookup, NotFound, Origin, Unusable, Why
from relay.model.wkd_location import locations
from relay.openpgp.examiner import GnuPGExaminer

WKS_CLIENT = Path("/usr/lib/gnupg/gpg-wks-client")
JOE = Address("Joe.Doe@Example.ORG")
HOST = "openpgpkey.example.org"


@pytest.fixture
def home() -> Iterator[Path]:
    with gnupg_home() as home:
        yield home


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[WkdServer]:
    async with WkdServer(tmp_path) as server:
        yield server


async def lookup(server: WkdServer, address: Address, *hosts: str) -> Lookup:
    there = server.connect_to(*(hosts or (HOST,)))
    wkd = asking(GnuPGExaminer(), resolve=nowhere, ca_file=server.ca_file, connect_to=there, timeout=30)
    try:
        return await wkd.lookup(address)
    finally:
        await wkd.close()


async def lookup_in(server: WkdServer, answer: bytes, address: Address = JOE) -> Lookup:
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(answer)

    server.behaviours[HOST] = behave
    return await lookup(server, address)


def publish_with_gnupg(home: Path, root: Path, fingerprint: str, address: str) -> None:
    domain = root / address.partition("@")[2].lower()
    domain.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "GNUPGHOME": str(home)}
    arguments = [str(WKS_CLIENT), "-C", str(root), "--install-key", fingerprint, address]
    subprocess.run(arguments, env=environment, check=True, capture_output=True)


def publish_with_sequoia(root: Path, certificates: bytes, *, direct: bool) -> None:
    """Brought into the form that the server has on its disk: DOMAIN/hu/HASH."""
    ring, made = root / "ring.pgp", root / "made"
    ring.write_bytes(certificates)
    arguments = ["sq", "wkd", "generate", "-s", *(["-d"] if direct else []), str(made), "example.org", str(ring)]
    subprocess.run(arguments, check=True, capture_output=True)
    tree = made / ".well-known/openpgpkey"
    shutil.move(tree if direct else tree / "example.org", root / "example.org")


@pytest.mark.skipif(not WKS_CLIENT.exists(), reason="gpg-wks-client is not installed")
@pytest.mark.parametrize(("host", "method"), [(HOST, "wkd/advanced"), ("example.org", "wkd/direct")])
async def test_a_directory_written_by_gnupg(server: WkdServer, home: Path, host: str, method: str) -> None:
    fingerprint = generate(home, "Joe Doe <Joe.Doe@Example.ORG>")
    gpg(home, "--quick-add-uid", fingerprint, "Joe <joe@elsewhere.example>")
    publish_with_gnupg(home, server.root, fingerprint, "Joe.Doe@Example.ORG")
    found = await lookup(server, JOE, host)
    assert isinstance(found, Found)
    assert found.method == method
    assert found.certificate.fingerprint == fingerprint
    assert [user_id.address for user_id in found.certificate.user_ids] == [JOE]
    assert b"elsewhere" not in found.certificate.data


@pytest.mark.parametrize("direct", [False, True])
async def test_a_directory_written_by_sequoia_has_only_the_queried_user_id_left(
    server: WkdServer, *, direct: bool
) -> None:
    pair = make_keypair("<joe.doe@example.org>", "Joe <joe@elsewhere.example>", "Joe <joe@example.org>")
    publish_with_sequoia(server.root, pair.public, direct=direct)
    found = await lookup(server, JOE, "example.org" if direct else HOST)
    assert isinstance(found, Found)
    assert found.certificate.fingerprint == pair.fingerprint
    assert [user_id.address for user_id in found.certificate.user_ids] == [JOE]
    assert found.certificate.unusable(2_000_000_000, JOE) is None
    for other in ("joe@elsewhere.example", "joe@example.org"):
        assert other.encode() not in found.certificate.data
    assert await lookup(server, Address("nobody@example.org"), "example.org" if direct else HOST) == NotFound(
        "wkd", "wkd/direct" if direct else "wkd/advanced"
    )


async def test_a_key_of_an_algorithm_that_gnupg_does_not_know_is_unusable_and_not_no_key(server: WkdServer) -> None:
    pair = make_rfc9580_keypair("Joe <joe.doe@example.org>")
    assert await lookup_in(server, pair.public) == Unusable(
        Why.UNREADABLE, pair.fingerprint, Origin.WKD, "wkd", "wkd/advanced"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="port 443 and a private /etc/hosts need root")
async def test_sequoias_own_client_finds_the_same_certificate(tmp_path: Path) -> None:
    pair = make_keypair("Joe <joe.doe@example.org>", "Joe <joe@elsewhere.example>")
    publish_with_sequoia(tmp_path, pair.public, direct=False)
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.44 {HOST}\n")
    async with WkdServer(tmp_path, "127.0.0.44", 443) as server:
        found = await lookup_at(server, "127.0.0.44:443")
        client = await asyncio.create_subprocess_exec(
            "unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts,
            "sq", "wkd", "get", "--binary", "joe.doe@example.org",
            env={"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(server.ca_file)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = await client.communicate()
    if b"unshare" in errors or b"mount" in errors:
        pytest.skip("no namespaces here")
    assert isinstance(found, Found)
    (theirs,) = await GnuPGExaminer().examine([output])
    assert theirs.fingerprint == found.certificate.fingerprint == pair.fingerprint
    assert [request.target for request in server.requests] == [
        server.requests[0].target.replace("joe.doe", "joe.doe")
    ] * 2


def revoked(pair: Keypair) -> bytes:
    """The revocation where it belongs: after the primary key."""
    (_, primary), *rest = split(pair.public)
    return primary + pair.revocation + join(rest)


async def lookup_at(server: WkdServer, target: str) -> Lookup:
    wkd = asking(GnuPGExaminer(), ca_file=server.ca_file, connect_to={f"{HOST}:443": target}, timeout=30)
    try:
        return await wkd.lookup(Address("joe.doe@example.org"))
    finally:
        await wkd.close()


@pytest.mark.parametrize(
    "address",
    ["Joe.Doe@Example.ORG", "a@b.example", "O'Neil+tag@example.org", "UPPER@EXAMPLE.ORG", "x_y-z=1!#$%@example.org"],
)
def test_gnupg_and_sequoia_hash_local_parts_as_we_do(address: str) -> None:
    places = locations(Address(address))
    assert places
    ours = [f"https://{place.host}{place.path}".partition("?")[0] for place in places]
    theirs = [
        subprocess.run(["sq", "wkd", kind, address], check=True, capture_output=True, text=True).stdout.partition("?")[
            0
        ]
        for kind in ("url", "direct-url")
    ]
    assert ours == theirs
    if WKS_CLIENT.exists():
        printed = subprocess.run([WKS_CLIENT, "--print-wkd-url", address], check=True, capture_output=True, text=True)
        assert ours[0] == printed.stdout.partition("?")[0]


async def test_armor_in_place_of_binary(server: WkdServer) -> None:
    pair = make_keypair("Joe <joe.doe@example.org>")
    found = await lookup_in(server, armor.enarmor(pair.public, "PUBLIC KEY BLOCK"))
    assert isinstance(found, Found)
    assert found.certificate.fingerprint == pair.fingerprint


async def test_the_newest_usable_of_several_with_an_expired_and_a_revoked_one(server: WkdServer, home: Path) -> None:
    made = [generate(home, "Joe <joe.doe@example.org>", at=f"{year}0101T000000!") for year in (2021, 2023, 2022)]
    usable = gpg(home, "--export").stdout
    newer_but_revoked = revoked(make_keypair("Joe <joe.doe@example.org>"))
    expired = expired_certificate(home, "Joe <joe.doe@example.org>")
    found = await lookup_in(server, usable + newer_but_revoked + expired)
    assert isinstance(found, Found)
    assert found.certificate.fingerprint == made[1]


async def test_a_revoked_certificate(server: WkdServer) -> None:
    pair = make_keypair("Joe <joe.doe@example.org>")
    found = await lookup_in(server, revoked(pair))
    assert isinstance(found, Unusable)
    assert (found.why, found.fingerprint) == (Why.REVOKED, pair.fingerprint)


async def test_a_revocation_at_the_end_of_the_certificate_or_in_a_second_copy(server: WkdServer) -> None:
    pair = make_keypair("Joe <joe.doe@example.org>", "Eve <eve@example.org>")
    for answer in (pair.public + pair.revocation, pair.public + revoked(pair), revoked(pair) + pair.public):
        found = await lookup_in(server, answer)
        assert isinstance(found, Unusable)
        assert found.why is Why.REVOKED


async def test_an_expired_certificate(server: WkdServer, home: Path) -> None:
    found = await lookup_in(server, expired_certificate(home, "Joe <joe.doe@example.org>"))
    assert isinstance(found, Unusable)
    assert found.why is Why.EXPIRED
    assert found.expires is not None


async def test_a_user_id_that_its_key_never_signed_is_not_taken(server: WkdServer) -> None:
    eve = make_keypair("Eve <eve@example.org>").public
    head, rest = split(eve)[0][1], eve[len(split(eve)[0][1]) :]
    forged = packet(13, b"Joe <joe.doe@example.org>")
    for stolen in (head + forged + rest, eve + forged + signature(CERTIFICATION)):
        assert not isinstance(await lookup_in(server, stolen), Found)
