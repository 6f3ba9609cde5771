import pytest

from relay.model import Address
from relay.model.wkd_location import is_host_name, locations, zbase32


def urls(address: str) -> list[str]:
    places = locations(Address(address))
    assert places
    return [f"https://{place.host}{place.path}" for place in places]


def test_the_drafts_own_example() -> None:
    assert urls("Joe.Doe@Example.ORG") == [
        "https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe",
        "https://example.org/.well-known/openpgpkey/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe",
    ]


def test_the_local_part_is_percent_encoded_as_it_was_written() -> None:
    assert urls("A/b?c&d=%+é@example.org")[1].endswith("?l=A%2Fb%3Fc%26d%3D%25%2B%C3%A9")


def test_a_quoted_local_part_is_asked_for_without_its_quotes() -> None:
    assert urls('"Joe.Doe"@example.org') == urls("Joe.Doe@example.org")


def test_only_ascii_letters_are_lowered_before_hashing() -> None:
    def leaf(address: str) -> str:
        return urls(address)[1].partition("?")[0]

    assert leaf("BOB@example.org") == leaf("bob@example.org")
    assert leaf("É@example.org") != leaf("é@example.org")


def test_an_international_domain_is_asked_for_as_a_labels() -> None:
    assert urls("bob@hôpital.example")[1].startswith("https://xn--hpital-ixa.example/")


def test_octets_that_are_no_utf8_are_asked_for_as_they_are() -> None:
    assert urls(b"b\xe9@example.org".decode("utf-8", "surrogateescape"))[0].endswith("?l=b%E9")


@pytest.mark.parametrize(
    "domain",
    [
        "[127.0.0.1]", "[IPv6:::1]", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0x7f000001", "example.0x1",
        "example.org:25", "example.org/x", "a b", "user@example.org", "ex..ample", ".example", "-a.example",
        "a-.example",
        "é\u2028.example", "x" * 64 + ".example", "a." * 127 + "example", "example.org#", "example.org\n", "",
    ],
)  # fmt: skip
def test_what_is_no_host_name_has_no_place(domain: str) -> None:
    assert not is_host_name(domain)


def test_a_bare_local_part_has_no_place() -> None:
    assert locations(Address("postmaster")) is None


@pytest.mark.parametrize(
    "domain", ["example.org", "localhost", "xn--hpital-ixa.example", "_a.example", "1.example", "3com.example"]
)
def test_host_names(domain: str) -> None:
    assert is_host_name(domain)


@pytest.mark.parametrize(
    ("octets", "text"),
    [(b"", ""), (b"\x00", "yy"), (b"\xf0\xbf\xc7", "6n9hq"), (b"\xd4\x7a\x04", "4t7ye"), (bytes(5), "yyyyyyyy")],
)
def test_z_base_32(octets: bytes, text: str) -> None:
    assert zbase32(octets) == text
