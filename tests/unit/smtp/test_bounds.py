from __future__ import annotations

from ipaddress import ip_network

import pytest

from relay.model.envelope import UNIX
from relay.smtp.bounds import Bounds, allowed

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"), ip_network("fe80::/10"))


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "fe80::1%eth0", UNIX])
def test_who_may_connect(peer: str) -> None:
    assert allowed(peer, LOOPBACK)


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "", "localhost"])
def test_who_may_not(peer: str) -> None:
    assert not allowed(peer, LOOPBACK)


def test_nobody_is_allowed_by_no_network() -> None:
    assert not allowed("127.0.0.1", ())


def test_there_is_always_room_for_the_largest_message() -> None:
    assert Bounds().room == 1 << 29
    assert Bounds(max_message_size=1 << 31).room >= 1 << 32
    assert Bounds(octets=5).room == 5
