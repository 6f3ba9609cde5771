from __future__ import annotations

from pathlib import Path

import pytest
from lab.configs import config

from relay.admin.postfix.settings import HEADERS_ONLY, settings
from relay.model.errors import PostfixError


@pytest.mark.parametrize(
    ("listen", "next_hop", "client"),
    [
        (["lmtp://127.0.0.1:10025"], "[127.0.0.1]:10025", "lmtp"),
        (["smtp://127.0.0.1:10025"], "[127.0.0.1]:10025", "smtp"),
        (["smtp://127.0.0.1:10025", "lmtp://127.0.0.1:24"], "[127.0.0.1]:24", "lmtp"),
        (["lmtp:///run/relay.sock"], "unix:/run/relay.sock", "lmtp"),
        (["smtp:///run/relay.sock", "smtp://127.0.0.1:25"], "[127.0.0.1]:25", "smtp"),
        (["lmtp://[::1]:10025"], "[::1]:10025", "lmtp"),
        (["lmtp://localhost:10025"], "[localhost]:10025", "lmtp"),
    ],
)
def test_postfix_hands_over_where_the_relay_listens(
    tmp_path: Path, listen: list[str], next_hop: str, client: str
) -> None:
    wanted = settings(config(tmp_path, listen=listen))

    assert dict(wanted.main)["content_filter"] == f"pgp-relay:{next_hop}"
    assert wanted.services[0].command == client
    assert all(name.startswith(f"{client}_") for name, _ in wanted.services[0].options)


def test_a_unix_socket_that_speaks_smtp_is_nothing_for_postfix(tmp_path: Path) -> None:
    with pytest.raises(PostfixError, match="SMTP over TCP"):
        settings(config(tmp_path, listen=["smtp:///run/relay.sock"]))


@pytest.mark.parametrize("size", [1, 10_240_000, 52_428_800])
def test_smtpd_and_cleanup_take_what_armor_makes_of_the_largest_mail(tmp_path: Path, size: int) -> None:
    _, smtpd, cleanup = settings(config(tmp_path, max_message_size=size)).services

    limits = {int(dict(service.options)["message_size_limit"]) for service in (smtpd, cleanup)}
    assert len(limits) == 1
    assert limits.pop() > size * 1.37 + 1_000_000


@pytest.mark.parametrize("reinject", ["lmtp://127.0.0.1:24", "smtp+starttls://mx.hopital.example:25"])
def test_nothing_takes_mail_back_where_the_relay_delivers_elsewhere(tmp_path: Path, reinject: str) -> None:
    assert [s.name for s in settings(config(tmp_path, reinject=reinject)).services] == ["pgp-relay"]


def test_where_mail_leaves_there_is_no_content_filter(tmp_path: Path) -> None:
    wanted = settings(config(tmp_path), egress=True)

    assert wanted.main == (("default_transport", "pgp-relay:[127.0.0.1]:10025"), HEADERS_ONLY)
