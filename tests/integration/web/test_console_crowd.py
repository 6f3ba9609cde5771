"""TLS handshakes that never end, in front of the real console: bounded in number and memory.

`test_server.py` has their time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.console import Console
from lab.relay import Relay
from lab.silent import ended, silent
from lab.tls import make_identity
from lab.waiting import wait_for

from relay.web.http.connections import Bounds

CROWD = 2000
OTHER_FILES = 60


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    identity = make_identity(tmp_path_factory.mktemp("tls"))
    tls = {"certificate": str(identity.certificate), "key": str(identity.key)}
    with Relay() as relay, Console(relay, tls=tls, trusted_proxies=["192.0.2.0/24"]) as made:
        made.tls = identity.client()
        yield made


def files(console: Console) -> int:
    return len(list(Path(f"/proc/{console.pid('console')}/fd").iterdir()))


def resident(console: Console) -> int:
    """Octets."""
    status = Path(f"/proc/{console.pid('console')}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))


def test_2000_clients_that_begin_a_handshake_keep_nobody_out_and_take_no_more_memory_than_their_bound(
    console: Console,
) -> None:
    reader, before = console.logged_in("anne", "reader"), resident(console)
    with silent(console.port, CROWD) as crowd:
        wait_for(lambda: ended(crowd) >= CROWD - Bounds().connections, "the oldest make room", 30)
        assert reader.get("/").status == 200
        assert files(console) <= Bounds().connections + OTHER_FILES
        assert resident(console) - before < 160 << 20


def test_of_one_address_as_many_handshakes_are_under_way_as_it_may_have_connections(console: Console) -> None:
    bound = Bounds().of_one_client
    with silent(console.port, 4 * bound, of_each=4 * bound) as crowd:
        wait_for(lambda: ended(crowd) >= 3 * bound, "the oldest make room", 10)
        assert console.visitor().get("/login").status == 200
