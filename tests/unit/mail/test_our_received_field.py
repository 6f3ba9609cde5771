"""Our own Received line: one field, whatever the client says of itself."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail import headers
from relay.mail.headers import split
from relay.mail.our_received_field import received_field
from relay.model import Envelope, Inbound


def inbound(**changes: str) -> Inbound:
    said = {"id": "4Fabc", "peer": "127.0.0.1", "helo": "client.example", "protocol": "ESMTP"} | changes
    envelope = Envelope(sender=None, recipients=())
    moment = datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC)
    return Inbound(envelope=envelope, content=b"", received=moment, single_answer=True, **said)


def test_our_received_line() -> None:
    assert received_field(inbound(), "relay.example") == (
        b"Received: from client.example ([127.0.0.1])\r\n"
        b"\tby relay.example (pgp-relay) with ESMTP id 4Fabc;\r\n"
        b"\tTue, 24 Nov 2026 03:04:05 +0000\r\n"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"helo": "bücher.example"}, b"from xn--bcher-kva.example ([127.0.0.1])"),
        ({"helo": "[192.0.2.1]"}, b"from [192.0.2.1] ([127.0.0.1])"),
        ({"helo": "x\r\nBcc: eve@x.example"}, b"from unknown ([127.0.0.1])"),
        ({"helo": "x) by trusted.example (y"}, b"from unknown ([127.0.0.1])"),
        ({"helo": ""}, b"from unknown ([127.0.0.1])"),
        ({"helo": "a" * 5000}, b"from " + b"a" * 255 + b" ([127.0.0.1])"),
        ({"peer": "2001:db8::1"}, b"from client.example ([IPv6:2001:db8::1])"),
        ({"peer": "fe80::1%eth0"}, b"from client.example ([IPv6:fe80::1])"),
        ({"peer": ""}, b"from client.example\r\n"),
        ({"peer": "x\r\ny"}, b"from client.example\r\n"),
        ({"protocol": "UTF8LMTPS"}, b"with UTF8LMTPS id"),
        ({"protocol": "x\r\ny"}, b"with SMTP id"),
    ],
)
def test_what_the_client_says_of_itself_cannot_forge_a_header(changes: dict[str, str], said: bytes) -> None:
    line = received_field(inbound(**changes), "relay.example")
    assert said in line
    assert line.count(b"\r\n") == 3
    assert [field.name for field in split(line).fields] == ["received"]


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=10))
def test_our_received_line_is_one_ascii_field(helo: str, peer: str, protocol: str) -> None:
    line = received_field(inbound(helo=helo, peer=peer, protocol=protocol), "relay.example")
    head = split(line)
    assert (len(head.fields), head.body_start) == (1, len(line))
    assert line.isascii()
    assert not headers.faulty(line)
    assert b"for <" not in line
