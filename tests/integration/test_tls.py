"""TLS off the loopback, and who may connect, with the real program: what is not secured or not allowed gets nothing."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from lab.client import Client
from lab.nexthop import ScriptedHop
from lab.ports import free_port
from lab.relay import Relay
from lab.sink import Sink
from lab.tls import Identity, make_identity

SENDER = "medecin@hopital.example"
TO = "someone@ville.example"
MAIL = b"From: medecin@hopital.example\r\nTo: someone@ville.example\r\nSubject: canary\r\n\r\ncanary\r\n"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("identity"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("stranger"))


@contextlib.contextmanager
def secured(identity: Identity, sink: Sink, *, scheme: str = "smtp", clients: bool = False) -> Iterator[Relay]:
    tls = {"certificate": str(identity.certificate), "key": str(identity.key)}
    if clients:
        tls["client_ca"] = str(identity.certificate)
    with Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", "tls": tls}, scheme=scheme) as relay:
        relay.start()
        yield relay


@pytest.mark.parametrize("scheme", ["smtp", "lmtp"])
async def test_nothing_is_taken_before_starttls_and_all_after_it(identity: Identity, scheme: str) -> None:
    with Sink() as sink, secured(identity, sink, scheme=scheme) as relay:
        async with Client(f"{scheme}://127.0.0.1:{relay.port}") as client:
            assert "STARTTLS" in await client.hello()
            assert (await client.say(f"MAIL FROM:<{SENDER}>")).startswith("530 ")
            assert (await client.say("XFORWARD NAME=x")).startswith("530 ")
            await client.starttls(identity.client())
            assert "STARTTLS" not in await client.hello()
            (reply,) = await client.send(SENDER, [TO], MAIL)
        assert reply.startswith("250 ")
        (mail,) = sink.wait_for(1)
        assert f"with {scheme.upper() if scheme == 'lmtp' else 'ESMTP'}S id" in mail.header


@pytest.mark.parametrize("shown", [None, "stranger"])
async def test_a_client_without_a_certificate_of_the_authority_gets_nowhere(
    identity: Identity, stranger: Identity, shown: str | None
) -> None:
    context = identity.client()
    if shown:
        context.load_cert_chain(stranger.certificate, stranger.key)
    with Sink() as sink, secured(identity, sink, clients=True) as relay:
        async with Client(f"smtp://127.0.0.1:{relay.port}") as client:
            await client.hello()
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                await greeted(client, context)
        assert sink.taken == []


async def greeted(client: Client, context: ssl.SSLContext) -> None:
    await client.starttls(context)
    assert await client.hello()  # with TLS 1.3 a client learns that it was refused when it reads


async def test_a_client_with_a_certificate_of_the_authority_is_served(identity: Identity) -> None:
    with Sink() as sink, secured(identity, sink, clients=True) as relay:
        async with Client(f"smtp://127.0.0.1:{relay.port}") as client:
            await client.hello()
            await client.starttls(identity.client(shows_itself=True))
            await client.hello()
            (reply,) = await client.send(SENDER, [TO], MAIL)
        assert reply.startswith("250 ")


@contextlib.asynccontextmanager
async def before(hop: ScriptedHop, scheme: str, authority: Path | None) -> AsyncIterator[Client]:
    """A client of a relay that delivers to `hop`."""
    settings = {
        "reinject": f"{scheme}://localhost:{hop.port}",
        "reinject_ca_file": str(authority) if authority else None,
    }
    with Relay(settings) as relay:
        relay.start()
        async with Client(f"lmtp://127.0.0.1:{relay.port}") as client:
            await client.hello()
            yield client


async def test_a_next_hop_of_a_private_authority_is_reached_over_tls(identity: Identity) -> None:
    async with ScriptedHop(tls=identity.server()) as hop, before(hop, "smtp+starttls", identity.certificate) as client:
        (reply,) = await client.send(SENDER, [TO], MAIL)
        assert reply.startswith("250 ")
        assert [message.tls for message in hop.messages] == [True]


async def test_a_next_hop_with_a_certificate_of_nobody_known_gets_nothing(identity: Identity) -> None:
    async with ScriptedHop(tls=identity.server()) as hop, before(hop, "smtp+starttls", None) as client:
        (reply,) = await client.send(SENDER, [TO], MAIL)
        assert reply.startswith("451 4.4.1 ")
        assert not has_heard_of_mail(hop)


async def test_a_next_hop_with_another_authoritys_certificate_gets_nothing(
    identity: Identity, stranger: Identity
) -> None:
    async with ScriptedHop(tls=identity.server()) as hop, before(hop, "smtp+starttls", stranger.certificate) as client:
        (reply,) = await client.send(SENDER, [TO], MAIL)
        assert reply.startswith("451 4.4.1 ")
        assert not has_heard_of_mail(hop)


async def test_a_next_hop_with_another_name_in_its_certificate_gets_nothing(tmp_path: Path) -> None:
    elsewhere = make_identity(tmp_path, names="DNS:elsewhere.example")
    async with (
        ScriptedHop(tls=elsewhere.server()) as hop,
        before(hop, "smtp+starttls", elsewhere.certificate) as client,
    ):
        (reply,) = await client.send(SENDER, [TO], MAIL)
        assert reply.startswith("451 4.4.1 ")
        assert not has_heard_of_mail(hop)


async def test_a_next_hop_that_offers_no_tls_gets_nothing(identity: Identity) -> None:
    async with ScriptedHop() as hop, before(hop, "smtp+starttls", identity.certificate) as client:
        (reply,) = await client.send(SENDER, [TO], MAIL)
        assert reply.startswith("451 4.4.1 ")
        assert not has_heard_of_mail(hop)


def has_heard_of_mail(hop: ScriptedHop) -> bool:
    return bool(
        hop.messages or hop.heard or [c for c in hop.commands if not c.startswith(("EHLO", "STARTTLS", "QUIT"))]
    )


# What does not start


def refused(settings: dict[str, object]) -> str:
    """What `serve` and `check` say before they end with 2; both say the same, and neither waits for an answer."""
    with Relay(settings) as relay:
        said = []
        for command in ("serve", "check"):
            done = relay.run(command, check=False)
            assert done.returncode == 2, done
            said.append(done.stderr.decode().replace(f"{relay.folder}/", ""))
    assert said[0] == said[1]
    return said[0]


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=30)


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(identity: Identity, tmp_path: Path) -> None:
    locked = tmp_path / "locked.pem"
    openssl("pkcs8", "-topk8", "-in", identity.key, "-out", locked, "-passout", "pass:secret")
    said = refused({"tls": {"certificate": str(identity.certificate), "key": str(locked)}})
    assert said == f"{locked}: the key has a passphrase: take it out, and let nobody else read the file\n"


def test_a_key_of_another_certificate_is_refused(identity: Identity, stranger: Identity) -> None:
    said = refused({"tls": {"certificate": str(identity.certificate), "key": str(stranger.key)}})
    assert said == f"{stranger.key}: the key is not that of {identity.certificate}\n"


def test_every_file_that_is_no_pem_is_named_and_a_wrong_template_with_it(identity: Identity, tmp_path: Path) -> None:
    rubbish, words = tmp_path / "rubbish.pem", tmp_path / "words"
    rubbish.write_text("rubbish")
    words.mkdir()
    (words / "refused.txt").write_text("Not sent\n\n$recipient\n")
    said = refused(
        {
            "tls": {"certificate": str(identity.certificate), "key": str(rubbish)},
            "reinject": "smtp+starttls://mx.hopital.example:25",
            "reinject_ca_file": str(rubbish),
            "notices": {"templates": str(words)},
        }
    )
    first, second, third = said.splitlines()
    assert first.startswith(f"{words}/refused.txt:3: unknown variable $recipient; known are ")
    assert second == f"{rubbish}: no key in PEM"
    assert third == f"{rubbish}: no certificates in PEM"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"listen": "smtp://0.0.0.0:2525", "allow": "10.0.0.0/8"}, "can be reached from the network in clear"),
        ({"listen": "smtp://0.0.0.0:2525", "plaintext_network": True}, "name there who may connect"),
        ({"reinject": "smtp://mx.hopital.example:25"}, "would carry mail over the network in clear"),
    ],
)
def test_off_the_loopback_nothing_starts_in_clear_or_for_everyone(settings: dict[str, object], told: str) -> None:
    listen = settings.pop("listen", None)
    assert told in refused({**settings, **({"listen": [listen]} if listen else {})})


def test_clear_off_the_loopback_takes_a_word_of_its_own() -> None:
    with Sink() as sink:
        port = free_port()
        settings = {
            "listen": [f"smtp://0.0.0.0:{port}"],
            "allow": ["127.0.0.0/8"],
            "reinject": f"smtp://127.0.0.1:{sink.port}",
        }
        assert "name there who may connect" in refused({**settings, "plaintext_network": True})
        with Relay({**settings, "allow": ["127.0.0.0/8", "10.255.255.0/24"], "plaintext_network": True}) as relay:
            relay.start()
            with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                assert client.sendmail(SENDER, [TO], MAIL) == {}


# Who may connect


def test_a_client_outside_allow_gets_554_and_a_line_in_the_log() -> None:
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", "allow": ["127.0.0.1/32"]}) as relay:
        relay.start()
        with socket.create_connection(("127.0.0.1", relay.port), 30, source_address=("127.0.0.2", 0)) as outside:
            stream = outside.makefile("rb")
            assert stream.readline() == b"554 5.7.1 Access denied\r\n"
            assert stream.read() == b""
        assert relay.wait_event("denied")["peer"] == "127.0.0.2"
        with smtplib.LMTP("127.0.0.1", relay.port, timeout=30) as client:
            assert client.sendmail(SENDER, [TO], MAIL) == {}
        assert len(sink.wait_for(1)) == 1
