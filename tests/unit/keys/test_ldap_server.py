"""A server whose settings contradict each other cannot be built."""

from typing import Any

import pytest

from relay.keys.ldap.server import Server
from relay.model.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"url": "http://directory.example"}, "url must be ldap"),
        ({"url": "directory.example"}, "url must be ldap"),
        ({"url": "ldap://"}, "url must be ldap"),
        ({"url": "ldap://me:secret@directory.example"}, "url must be ldap"),
        ({"url": "ldap://directory.example:port"}, "url must be ldap"),
        ({"url": "ldapi://%2Frun%2Fldapi"}, "url must be ldap"),
        ({"url": "ldaps://directory.example", "starttls": True}, "starttls does not go with ldaps"),
        ({"url": "ldap://directory.example", "bind_dn": "cn=relay"}, "go together"),
        ({"url": "ldap://directory.example", "bind_dn": "cn=relay", "password": ""}, "go together"),
        ({"url": "ldap://directory.example", "password": "secret"}, "go together"),
        ({"url": "ldap://directory.example", "filter": "(mail=*)"}, "{address}"),
        ({"url": "ldap://directory.example", "timeout": 0}, "timeout"),
    ],
)
def test_a_contradiction_is_a_fault_of_the_configuration(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        Server(**settings)


@pytest.mark.parametrize("url", ["ldap://127.0.0.1:3890", "ldaps://[::1]:6360/dc=example", "ldap://a.b-c.example"])
def test_the_usual_urls_are_taken(url: str) -> None:
    assert Server(url).endpoint in url


def test_a_password_is_not_shown() -> None:
    assert "geheim" not in repr(Server("ldap://directory.example", bind_dn="cn=relay", password="geheim"))  # noqa: S106 # no secret


def test_the_dn_of_the_url_is_where_the_search_starts_unless_a_base_is_given() -> None:
    url = "ldap://directory.example:3890/dc=example%2Cdc=com"
    assert Server(url).endpoint == "ldap://directory.example:3890"
    assert Server(url).start == "dc=example,dc=com"
    assert Server(url, base="ou=people").start == "ou=people"
    assert Server("ldap://directory.example/").start is None
