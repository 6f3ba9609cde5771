"""A directory that stands inside: asked where config.yaml's `allow_networks` names its network, else not even met."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from lab.certificates import make_keypair
from lab.published import Published
from lab.relay import Relay
from lab.sink import Sink
from lab.timed import send

from relay.keys.wkd import Reason

DOMAIN = "ville.example"
BOB = f"bob@{DOMAIN}"
NAMED_INSIDE = """
import socket
from relay.keys.wkd import connector, dns

result = connector._result
dns._getaddrinfo = lambda host, family: (["127.0.0.1"] if family == socket.AF_INET else [], host)
connector._result = lambda host, address, port: result(host, address, {port})
"""
"""The system's names all lead to 127.0.0.1; what listens there has another port than 443, which is root's."""
IN_THE_PROCESS_THAT_ASKS = """
from relay.process import child

child._SOURCE = f"{folder}:{{child._SOURCE}}"
"""


@dataclass
class Site:
    relay: Relay
    sink: Sink
    wkd: Published

    def send(self) -> str:
        return asyncio.run(send(f"lmtp://127.0.0.1:{self.relay.port}", BOB))


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """With these `allow_networks`."""
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        wkd = stack.enter_context(Published(DOMAIN))
        keys = {"ca_file": str(wkd.server.ca_file), "allow_networks": request.param}
        settings = {"reinject": f"smtp://127.0.0.1:{sink.port}", "lookup": {"sources": ["keyring", "wkd"], "wkd": keys}}
        relay = stack.enter_context(Relay(settings))
        altered = relay.folder / "altered"
        altered.mkdir()
        (altered / "sitecustomize.py").write_text(NAMED_INSIDE.format(port=wkd.server.port))
        relay.altered = IN_THE_PROCESS_THAT_ASKS.format(folder=altered)
        relay.start()
        yield Site(relay, sink, wkd)


@pytest.mark.parametrize("site", [["127.0.0.0/8"]], indirect=True)
def test_a_directory_in_an_allowed_network_is_asked(site: Site) -> None:
    key = make_keypair(f"<{BOB}>")
    site.wkd.publish(BOB, key.public)
    assert site.send().startswith("250")
    (row,) = site.relay.trace()
    assert (row["action"], row["fingerprint"]) == ("encrypt", key.fingerprint)
    assert site.wkd.server.connections == 1


@pytest.mark.parametrize("site", [[], ["127.1.0.0/16", "10.0.0.0/8", "::1/128"]], indirect=True)
def test_a_directory_in_a_network_that_is_not_allowed_is_not_met(site: Site) -> None:
    site.wkd.publish(BOB, make_keypair(f"<{BOB}>").public)
    assert site.send().startswith("451 4.4.3")
    (row,) = site.relay.trace()
    assert row["action"] == "defer"
    assert Reason.ADDRESS.value in row["reason"]
    assert site.wkd.server.connections == 0
    assert site.sink.taken == []
