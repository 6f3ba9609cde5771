from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest

from relay.keys.wkd.guard import Guard

PRIVATE_V4 = [
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
]  # fmt: skip
PUBLIC_V4 = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "223.255.255.1",
]
PRIVATE_V6 = [
    "::", "::1", "::7f00:1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1",
    "ff0e::1",
    "2001::1", "2001:0:5ef5:79fd::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "5f00::1", "100::1",
    "64:ff9b:1::1", "64:ff9b:1:a00::1", "4000::1", "::ffff:0:127.0.0.1",
]  # fmt: skip
PUBLIC_V6 = ["2606:4700:4700::1111", "2a00:1450:4007::1", "2400::1"]


def carried(address: str) -> list[str]:
    """The same address in each of the ways IPv6 carries it."""
    number = int(IPv4Address(address))
    return [
        f"::ffff:{address}",
        str(IPv6Address((0x64FF9B << 96) | number)),
        str(IPv6Address((0x2002 << 112) | (number << 80) | 1)),
    ]


@pytest.mark.parametrize("address", [*PRIVATE_V4, *PRIVATE_V6, *(c for a in PRIVATE_V4 for c in carried(a))])
def test_refused(address: str) -> None:
    assert not Guard().permits(address)


@pytest.mark.parametrize("address", [*PUBLIC_V4, *PUBLIC_V6, *(c for a in PUBLIC_V4 for c in carried(a))])
def test_permitted(address: str) -> None:
    assert Guard().permits(address)


def test_a_network_an_administrator_allows() -> None:
    guard = Guard((ip_network("10.1.0.0/16"), ip_network("fd00::/8")))
    assert guard.permits("10.1.2.3")
    assert guard.permits("::ffff:10.1.2.3")
    assert guard.permits("fd12::1")
    assert not guard.permits("10.2.0.1")
    assert not guard.permits("::1")


def test_allowing_all_of_ipv4_allows_no_ipv6() -> None:
    assert not Guard((ip_network("0.0.0.0/0"),)).permits("::1")
