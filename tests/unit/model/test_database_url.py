"""The URL of PostgreSQL as libpq writes it: hosts with ports, options by name, and no password in what is told."""

from __future__ import annotations

import pytest

from relay.model.database_url import PostgresqlUrl, is_postgresql


@pytest.mark.parametrize(
    ("text", "hosts", "user", "password", "database"),
    [
        ("postgresql://relay@db1:5433,db2/pgp_relay", (("db1", 5433), ("db2", 5432)), "relay", None, "pgp_relay"),
        ("postgres://a%40b:p%2Fw@[::1]:1,10.0.0.2/x%20y", (("::1", 1), ("10.0.0.2", 5432)), "a@b", "p/w", "x y"),
        ("postgresql+asyncpg://relay@/?host=/run/postgresql", (("/run/postgresql", 5432),), "relay", None, "relay"),
        ("postgresql://u@/d?host=a:1&host=b:2", (("a", 1), ("b", 2)), "u", None, "d"),
        ("postgresql://u@/d?host=a,b&port=7,8", (("a", 7), ("b", 8)), "u", None, "d"),
        ("postgresql://u:@/d", (("localhost", 5432),), "u", "", "d"),
        ("postgresql://u:a@b@h/d", (("h", 5432),), "u", "a@b", "d"),
    ],
)
def test_hosts_user_password_and_name_are_read(
    text: str, hosts: tuple[tuple[str, int], ...], user: str, password: str | None, database: str
) -> None:
    url = PostgresqlUrl.parse(text)
    assert (url.hosts, url.user, url.password, url.database) == (hosts, user, password, database)
    assert is_postgresql(text)


def test_options_are_understood() -> None:
    text = (
        "postgresql://u@h/d?sslmode=verify-full&sslrootcert=/etc/ca.pem&connect_timeout=3&application_name=x%20y"
        "&keepalives_idle=10&keepalives=1&options=-c%20search_path%3Drelay&target_session_attrs=read-write"
    )
    url = PostgresqlUrl.parse(text)
    assert url.options["options"] == "-c search_path=relay"
    assert url.connect_timeout == 3.0
    assert "sslrootcert" in url.options


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("postgresql://u:secret@h/d?gssencmode=disable", "the option gssencmode of a database URL is not understood"),
        ("postgresql://u:secret@h/d?channel_binding=require", "the option channel_binding"),
        ("postgresql://u:secret@h/d?sslmode=strong", "the option sslmode of a database URL is one of disable, allow"),
        ("postgresql://u:secret@h/d?target_session_attrs=standby", "finds a server that takes no writes"),
        ("postgresql://u:secret@h/d?connect_timeout=soon", "connect_timeout of a database URL is a whole number"),
        ("postgresql://u:secret@h/d?sslrootcert=ca.pem", "sslrootcert of a database URL is the path of a file"),
        ("postgresql://u:secret@h:99999/d", "a port from 1 to 65535"),
        ("postgresql://u:secret@h,i/d?port=1,2,3", "one port, or one for each host"),
        ("postgresql://u:sec#ret@h/d", "a # in a password is written %23"),
        ("postgresql://h/d", "names the user"),
        ("postgresql://u:secret@[::1/x", "cannot be read"),
        ("mysql://u:secret@h/d", "a database URL is postgresql://user@host/name"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_name_and_no_password_is_told(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        PostgresqlUrl.parse(text)
    assert "secret" not in str(caught.value)


def test_no_password_is_shown() -> None:
    assert "secret" not in repr(PostgresqlUrl.parse("postgresql://u:secret@h/d"))
