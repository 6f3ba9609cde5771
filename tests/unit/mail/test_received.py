"""Whether a mail came in from outside: where a doubt is left, it did."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from relay.mail import headers
from relay.mail.received import came_from_outside, stands_within

INSIDE = tuple(map(ip_network, ["127.0.0.0/8", "::1/128", "10.0.0.0/8"]))


def head(*fields: str) -> headers.Head:
    return headers.split("".join(f"{field}\r\n" for field in fields).encode() + b"\r\n")


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["Received: from pc (pc.lan [10.0.0.5])\r\n\tby mx.example (Postfix) with ESMTP id 4F; d"],
        ["Received: from home (x.isp.example [203.0.113.9]) by mx.example (Postfix) with ESMTPSA id 4F; d"],
        ["Received: from [203.0.113.9] by webmail.example with HTTP; d"],
        ["Received: by mx.example (Postfix, from userid 33) id AB; d"],
        ["Received: from localhost (localhost [IPv6:::1]) by mx.example with ESMTP id 1; d"],
        ["Received: from pc (pc.lan [10.0.0.5]) by mx.example ([203.0.113.1]) with ESMTP id 1; d"],
    ],
)
def test_what_was_sent_inside_is_from_inside(fields: list[str]) -> None:
    assert not came_from_outside(head(*fields), INSIDE)


@pytest.mark.parametrize(
    "fields",
    [
        ["Received: from pc (x.example [203.0.113.9]) by mx.example (Postfix) with ESMTP id 4F; d"],
        ["Received: from pc (x.example [IPv6:2001:db8::1]) by mx.example (Postfix) with ESMTPS id 4F; d"],
        ["Received: from x.example (203.0.113.9) by ex.example (10.0.0.2) with Microsoft SMTP Server id 15.1; d"],
        ["Received: from x by y with ESMTPSA id 1 (x.example [203.0.113.9]) by mx.example with ESMTP id 4F; d"],
        ["Received: from x (x.example [203.0.113.9]) by mx.example; d"],
        ["Received: from 203.0.113.9 by mx.example with ESMTP; d"],
        ['Received: from x (x.example [203.0.113.9]) by mx.example with ESMTP for <"a by b"@c.example>; d'],
        [
            "Received: from inside (gateway.lan [10.0.0.9]) by mail.example with ESMTP id 1; d",
            "Received: from x (x.example [203.0.113.9]) by gateway.example with ESMTP id 2; d",
        ],
        ["Received: " + "x" * 5000],
        ["X-PGP-Relay: encryption=none; signature=none; subject=unsigned"],
    ],
)
def test_what_a_host_took_from_outside_came_from_outside(fields: list[str]) -> None:
    assert came_from_outside(head(*fields), INSIDE)


@pytest.mark.parametrize(
    ("client", "inside"),
    [
        ("10.1.2.3", True),
        ("::1", True),
        ("::ffff:10.1.2.3", True),
        ("203.0.113.9", False),
        ("2001:db8::1", False),
        ("", False),
        ("[UNAVAILABLE]", False),
        ("unix", False),
    ],
)
def test_a_client_is_inside_where_its_address_is(client: str, inside: bool) -> None:
    assert stands_within(client, INSIDE) is inside
