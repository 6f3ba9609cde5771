"""Who asks: what a client writes into X-Forwarded-For itself never counts."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from relay.web.http.clients import client_of

PROXIES = [ip_network("127.0.0.0/8"), ip_network("::1/128"), ip_network("10.1.0.0/16")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.9", "192.0.2.1"),
        ("127.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("127.0.0.1", "203.0.113.7, 198.51.100.9", "198.51.100.9"),
        ("10.1.2.3", "198.51.100.9", "198.51.100.9"),
        ("127.0.0.1", None, ""),
        ("127.0.0.1", "unknown", ""),
        ("127.0.0.1", "198.51.100.9, ", ""),
        ("", "198.51.100.9", "198.51.100.9"),
        ("", None, ""),
        ("::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", None, "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", None, "192.0.2.1"),
        ("::1", "[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        ("::1", "[2001:db8:1:2::1]:443", "2001:db8:1:2::/64"),
        ("::1", "2001:db8:1:2::443", "2001:db8:1:2::/64"),
        ("127.0.0.1", "198.51.100.9:50123", "198.51.100.9"),
        ("127.0.0.1", "198.51.100.9:50123:1", ""),
    ],
)
def test_the_client_is_the_connections_or_who_our_own_proxy_names_last(
    peer: str, forwarded: str | None, client: str
) -> None:
    assert client_of(peer, forwarded, PROXIES) == client
