"""How logins of the console's users are compared."""

from __future__ import annotations

import pytest

from relay.model.console import Way


@pytest.mark.parametrize(
    ("way", "subject", "compared"),
    [
        (Way.LDAP, "UID=karl,  ou=People, dc=x", "uid=karl,ou=people,dc=x"),
        (Way.LDAP, "cn=Martin\\, Anne,dc=x", "cn=martin\\, anne,dc=x"),
        (Way.LDAP, "cn=a\\ ,dc=x", "cn=a\\ ,dc=x"),
        (Way.OIDC, "A, b", "A, b"),
        (Way.SUDO, "Karl", "Karl"),
    ],
)
def test_what_means_nothing_in_a_dn_does_not_make_it_another_login(way: Way, subject: str, compared: str) -> None:
    assert way.compared(subject) == compared
