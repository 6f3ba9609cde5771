"""Values cannot be wrong once they are read."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from relay.config import Config, Endpoint, HostPort, duration, parse
from relay.config.values import size
from relay.model import Address, Mailbox


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("15m", 900),
        ("24h", 86400),
        ("183d", 183 * 86400),
        ("2w", 14 * 86400),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("5 s", 5),
        ("0s", 0),
    ],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "30", "-1s", "1e3s", "1h30m", "30S", "30sec", "inf", "٣s", "200y", "99999d", 30, 1.5, True, None]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "octets"),
    [(1048576, 2**20), ("1048576", 2**20), ("50MiB", 50 * 2**20), ("10MB", 10**7), ("1 GiB", 2**30), ("5kB", 5000)],
)
def test_a_size_is_octets(text: object, octets: int) -> None:
    assert size(text) == octets


@pytest.mark.parametrize("text", ["", "MiB", "1.5MB", "-1", "10Mo", "10mib", -1, 2.0, True, None])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="size"):
        size(text)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("lmtp://127.0.0.1:10025", Endpoint("lmtp", "127.0.0.1", 10025)),
        ("smtp://[0:0:0:0:0:0:0:1]:25", Endpoint("smtp", "::1", 25)),
        ("smtp+starttls://MX.Hôpital.example:25/", Endpoint("smtp+starttls", "mx.xn--hpital-ixa.example", 25)),
        ("lmtp:///run/relay.sock", Endpoint("lmtp", path="/run/relay.sock")),
    ],
)
def test_an_endpoint_is_read_and_written(url: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(url) == endpoint
    assert Endpoint.parse(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "lmtp:",
        "lmtp://",
        "LMTP://127.0.0.1:25",
        "lmtp://127.0.0.1:25/path",
        "lmtp://127.0.0.1:25?x=1",
        "lmtp://127.0.0.1:٢٥",
        "lmtp://::1:25",
        "lmtp://[::1%lo:25",
        "lmtp:///",
        "lmtp:////run/",
        "smtp+starttls:///run/relay.sock",
        "lmtp:///" + "x" * 107,
        "smtp://a b:25",
        "smtp://-a.example:25",
        "smtp://a..example:25",
        "smtp://" + "a." * 130 + "example:25",
    ],
)
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Endpoint.parse(url)


@pytest.mark.parametrize(
    ("listening", "delivering", "meet"),
    [
        ("smtp://127.0.0.1:25", "smtp://127.0.0.1:25", True),
        ("lmtp://127.0.0.1:25", "smtp://127.0.0.1:25", True),
        ("smtp://127.0.0.1:25", "smtp://127.0.0.1:26", False),
        ("smtp://127.0.0.1:25", "smtp://127.0.0.2:25", False),
        ("smtp://localhost:25", "smtp://127.0.0.1:25", True),
        ("smtp://localhost:25", "smtp://mx.example:25", False),
        ("smtp://0.0.0.0:25", "smtp://127.0.0.1:25", True),
        ("smtp://[::]:25", "smtp://localhost:25", True),
        ("smtp://0.0.0.0:25", "smtp://192.0.2.1:25", False),
        ("smtp://mx.example:25", "smtp://localhost:25", False),
        ("smtp://127.0.0.1:25", "smtp://0.0.0.0:25", False),
        ("lmtp:///run/a", "lmtp:///run/a", True),
        ("lmtp:///run/a", "lmtp:///run/b", False),
        ("lmtp:///run/a", "lmtp://127.0.0.1:25", False),
    ],
)
def test_a_loop_is_seen(listening: str, delivering: str, *, meet: bool) -> None:
    assert Endpoint.parse(listening).meets(Endpoint.parse(delivering)) is meet


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("smtp://127.8.8.8:25", True),
        ("smtp://[::1]:25", True),
        ("smtp://localhost:25", True),
        ("lmtp:///run/a", True),
        ("smtp://0.0.0.0:25", False),
        ("smtp://[::]:25", False),
        ("smtp://[::ffff:10.0.0.1]:25", False),
        ("smtp://localhost.example:25", False),
        ("smtp://notlocalhost:25", False),
        ("smtp://127.0.0.1.example:25", False),
    ],
)
def test_what_leaves_the_machine_is_known(url: str, *, local: bool) -> None:
    assert Endpoint.parse(url).local is local


def test_a_configuration_holds_values_and_no_texts() -> None:
    config = Config.model_validate(
        {
            "policy": [],
            "allow": ["10.0.0.0/8", "192.0.2.1"],
            "metrics": "[::1]:9125",
            "notices": {"from": "Postmaster@Hôpital.example"},
            "sign": {"default": "0x1d0d 2a1e 5e8c 0b2d a6e0  d10f 4d0e 7a1c 9b3f 5a77"},
            "lookup": {"wkd": {"connect_to": {"OpenPGPkey.example.org:443": "127.0.0.1:8443"}}},
        }
    )
    assert config.allow == (ip_network("10.0.0.0/8"), ip_network("192.0.2.1/32"))
    assert config.metrics == HostPort("::1", 9125)
    assert config.notices.from_ == Mailbox(Address("postmaster@xn--hpital-ixa.example"))
    assert config.sign.default == "1D0D2A1E5E8C0B2DA6E0D10F4D0E7A1C9B3F5A77"
    assert config.lookup.wkd.connect_to == {HostPort("openpgpkey.example.org", 443): HostPort("127.0.0.1", 8443)}


def test_the_signer_is_the_first_pattern_that_matches() -> None:
    sign = Config.model_validate(
        {
            "policy": [],
            "sign": {
                "default": "relay@a.example",
                "senders": {"chef@radio.example": "chef@a.example", "*@radio.example": "radio@a.example"},
            },
        }
    ).sign
    assert sign.signer(Address("Chef@radio.example")) == "chef@a.example"
    assert sign.signer(Address("bob@RADIO.example")) == "radio@a.example"
    assert sign.signer(Address("bob@b.example")) == "relay@a.example"
    assert sign.signer(None) == "relay@a.example"


@pytest.mark.parametrize("written", ["off", '"off"', "Off"])
def test_autocrypt_off_as_the_documents_have_it_was_refused(written: str) -> None:
    config = parse(f"own: {{autocrypt: {written}}}\npolicy: []\n".encode(), Path("/etc/pgp-relay/config.yaml"))

    assert config.own.autocrypt == "off"
