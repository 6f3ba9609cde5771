from __future__ import annotations

import pytest

from relay.smtp.endpoint import Endpoint


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://127.0.0.1:10026", Endpoint("smtp", "127.0.0.1", 10026)),
        ("smtp://mail.example", Endpoint("smtp", "mail.example", 25)),
        ("smtp+starttls://mail.example:587", Endpoint("smtp+starttls", "mail.example", 587)),
        ("lmtp://[::1]:0", Endpoint("lmtp", "::1", 0)),
        ("lmtp://localhost", Endpoint("lmtp", "localhost", 24)),
        ("lmtp:///run/relay.sock", Endpoint("lmtp", path="/run/relay.sock")),
        ("smtp:///run/a%20b?c#d", Endpoint("smtp", path="/run/a%20b?c#d")),
    ],
)
def test_places(url: str, expected: Endpoint) -> None:
    assert Endpoint.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:25",
        "http://x",
        "smtps://x",
        "smtp://",
        "lmtp:",
        "lmtp:run/x",
        "lmtp:///",
        "smtp+starttls:///run/x",
        "smtp://x:port",
        "smtp://x:99999",
        "smtp://user@x:25",
        "smtp://x/path",
        "smtp://x?y",
    ],
)
def test_what_is_no_place_is_told(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Endpoint.parse(url)


@pytest.mark.parametrize("url", ["smtp://127.0.0.1:25", "lmtp://[::1]:24", "lmtp:///run/x%2F?", "smtp+starttls://x:25"])
def test_written_as_it_is_read(url: str) -> None:
    assert str(Endpoint.parse(url)) == url
