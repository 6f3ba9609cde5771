"""The console's own TLS, its renewal, and whose word on a client's address counts: by the real program."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import ssl
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lab.console import TOO_LONG, Console
from lab.relay import Relay
from lab.tls import Identity, make_identity
from lab.waiting import wait_for


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Identity, Identity]:
    """The first certificate, and the one that follows."""
    return make_identity(tmp_path_factory.mktemp("first")), make_identity(tmp_path_factory.mktemp("second"))


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    folder = tmp_path_factory.mktemp("used")
    return Identity(folder / "console.pem", folder / "console.key")


def put(source: Identity, target: Identity, *, key: bool = True) -> None:
    shutil.copy(source.certificate, target.certificate)
    if key:
        shutil.copy(source.key, target.key)
        target.key.chmod(0o600)


@pytest.fixture(scope="module")
def site(identities: tuple[Identity, Identity], used: Identity) -> Iterator[Console]:
    put(identities[0], used)
    tls = {"certificate": str(used.certificate), "key": str(used.key)}
    with Relay() as relay, Console(relay, tls=tls, trusted_proxies=["192.0.2.0/24"]) as console:
        console.tls = identities[0].client()
        yield console


def shown(site: Console) -> str:
    """The certificate that a new connection gets, PEM."""
    return ssl.get_server_certificate(("127.0.0.1", site.port), timeout=30)


def test_somebody_logs_in_over_its_own_tls_and_nothing_is_answered_in_clear(site: Console) -> None:
    assert site.logged_in("anne", "reader").get("/").status == 200
    in_clear = replace(site.visitor(), tls=None)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        in_clear.get("/login")


def test_a_renewed_certificate_is_used_after_sighup_and_a_wrong_one_is_not(
    site: Console, identities: tuple[Identity, Identity], used: Identity
) -> None:
    first, second = identities
    reader, open_before = (
        site.logged_in("bruno", "reader"),
        http.client.HTTPSConnection("127.0.0.1", site.port, timeout=30, context=first.client()),
    )
    open_before.request("GET", "/healthz")
    assert open_before.getresponse().read() is not None
    put(second, used, key=False)
    hang_up(site, "not_reloaded")
    assert f"the key is not that of {used.certificate}" in site.log
    assert shown(site) == first.certificate.read_text()
    put(second, used)
    hang_up(site, "reloaded")
    assert shown(site) == second.certificate.read_text()
    open_before.request("GET", "/healthz")
    assert open_before.getresponse().status == 200
    open_before.close()
    reader.tls = second.client()
    assert reader.get("/").status == 200, "nobody is logged out"
    put(first, used)
    hang_up(site, "reloaded")


def hang_up(site: Console, event: str) -> None:
    """And wait for what the console says of it."""
    before = site.log.count(f'"{event}"')
    os.kill(site.pid("console"), signal.SIGHUP)
    wait_for(lambda: site.log.count(f'"{event}"') > before, event)


def test_a_client_behind_no_trusted_proxy_does_not_choose_its_address_to_go_round_the_lock_out() -> None:
    """The request comes from this machine, which `trusted_proxies` does not name."""
    with Relay() as relay, Console(relay, alone=True, trusted_proxies=["192.0.2.0/24"]) as console:
        for number in range(100):
            visitor = console.visitor()
            form = {"name": f"g{number}", "password": TOO_LONG, "code": "000000"}
            assert visitor.post("/login", form).status == 403
            if '"why": "limit"' in console.log:
                break
    assert 20 <= number < 99
