"""Where a mail was handed in: as Postfix told it, or else who connected."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lab.fakes import inbound

from relay.model import Inbound


def told(*pairs: tuple[str, str], peer: str = "192.0.2.1") -> Inbound:
    mail = inbound("b@there.example")
    return replace(mail, envelope=replace(mail.envelope, xforward=pairs), peer=peer)


@pytest.mark.parametrize(
    ("mail", "client"),
    [
        (told(), "192.0.2.1"),
        (told(peer="unix"), "127.0.0.1"),
        (told(("ADDR", "203.0.113.9")), "203.0.113.9"),
        (told(("addr", "IPv6:2001:db8::1")), "2001:db8::1"),
        (told(("ADDR", "[UNAVAILABLE]"), ("SOURCE", "REMOTE")), ""),
        (told(("ADDR", "[UNAVAILABLE]")), ""),
        (told(("ADDR", "[UNAVAILABLE]"), ("SOURCE", "LOCAL")), "127.0.0.1"),
        (told(("NAME", "x.example")), "192.0.2.1"),
    ],
)
def test_the_client_is_whom_postfix_had_it_from(mail: Inbound, client: str) -> None:
    assert mail.client == client
