"""The section `console`: its secrets are files of the console's user, which the relay need not be able to read."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from relay.config import load, load_public, loader
from relay.config.console import OidcLogin
from relay.model.errors import ConfigError


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("secret\n")
    file.chmod(0o600)
    return file


def written(secret: Path, more: str = 'url: "https://pgp.hopital.example", ') -> Path:
    config = secret.with_name("config.yaml")
    oidc = f'{{issuer: "https://sso.example", client_id: x, client_secret_file: "{secret}", groups: {{keys: pgp}}}}'
    config.write_text(f"policy: [{{name: all, encrypt: preferred}}]\nconsole: {{{more}login: {{oidc: {oidc}}}}}\n")
    return config


def of(file: Path) -> OidcLogin | None:
    return load(file).console.login.oidc


def test_the_secret_may_be_hidden_from_the_relay(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the console's alone; a relay that asked for it would not start."""
    monkeypatch.setattr(loader, "_unreadable", lambda path, _folder: errno.EACCES if path == secret else None)
    found = of(written(secret))
    assert found
    assert found.client_secret_file == secret


def test_the_secret_may_not_be_shown_to_everybody(secret: Path) -> None:
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others"):
        of(written(secret))


def test_the_public_web_service_does_not_look_for_it_and_the_console_does(secret: Path) -> None:
    config = written(secret)
    secret.unlink()
    assert load_public(config)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_public(config, "console")


def test_a_provider_needs_an_address_to_come_back_to(secret: Path) -> None:
    with pytest.raises(ConfigError, match=r"console\.url"):
        of(written(secret, ""))


@pytest.mark.parametrize(
    ("place", "url", "address"),
    [
        ("127.0.0.1:8443", "", "https://127.0.0.1:8443"),
        ("0.0.0.0:8443", "", ""),
        ("[::]:8443", "", ""),
        ("0.0.0.0:8443", "https://pgp.hopital.example", "https://pgp.hopital.example"),
        ("unix:/run/console.sock", "", ""),
    ],
)
def test_the_link_for_a_new_user_names_no_address_to_listen_on(
    tmp_path: Path, place: str, url: str, address: str
) -> None:
    file = tmp_path / "config.yaml"
    written = f'url: "{url}", ' if url else ""
    console = f"console: {{{written}tls: {{certificate: /nowhere/c.pem, key: /nowhere/k.pem}}}}"
    file.write_text(f'web: {{console: "{place}"}}\n{console}\n')
    assert load_public(file).console_address == address
