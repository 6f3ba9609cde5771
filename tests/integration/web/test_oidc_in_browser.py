"""Logging in at a provider of another site, in a real browser: which cookies it keeps and sends, it decides itself."""

from __future__ import annotations

from pathlib import Path

from lab.browser import browser, needs_browser, tab
from lab.console import Console, Visitor
from lab.oidc import CLIENT, SECRET, Provider
from lab.relay import Relay

pytestmark = [needs_browser]


def test_it_comes_back_logged_in_and_the_session_is_for_this_site_alone(tmp_path: Path) -> None:
    """127.0.0.1 and localhost are two sites: the cookie is SameSite=Strict, and is sent from the second page on."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    with Provider() as provider, Relay() as relay:
        oidc = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret_file": str(secret)}
        login = {"oidc": {**oidc, "groups": {"desk": "pgp"}}, "local": False}
        elsewhere = {"X-Forwarded-For": Visitor(0).client}
        with (
            Console(relay, login=login) as console,
            browser() as started,
            tab(started, extra_http_headers=elsewhere) as page,
        ):
            page.goto(f"http://localhost:{console.port}/login")
            assert page.locator("form").count() == 0, "there is no other way in"
            page.click("a[href='/login/oidc']")
            page.wait_for_url(f"http://localhost:{console.port}/")
            assert "anne" in page.locator(".who").inner_text()
            cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
            assert cookies["__Host-session"]["sameSite"] == "Strict"
            page.click("form[action='/logout'] button")
            page.wait_for_url(f"http://localhost:{console.port}/login")
