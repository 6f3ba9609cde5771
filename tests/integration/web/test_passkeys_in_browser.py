"""Passkeys in a real browser with its virtual authenticator: made behind the one-time link, used, and misused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from lab.accessible import needs_axe, violations
from lab.browser import browser, needs_browser, next_page, tab
from lab.console import WORDS, Console, Visitor
from lab.relay import Relay

if TYPE_CHECKING:  # only tests with a browser have it
    from playwright.sync_api import Browser

pytestmark = [needs_browser, needs_axe]

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
Page = Any  # playwright's
Change = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def site() -> Iterator[Console]:
    with Relay() as relay, Console(relay) as console:
        yield console


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    with browser() as running:
        yield running


@contextmanager
def device(started: Browser, **other: object) -> Iterator[tuple[Page, Callable[[], list[dict[str, Any]]]]]:
    """A page on a device with an authenticator, and what that holds."""
    elsewhere = {"X-Forwarded-For": Visitor(0).client}  # the limit on attempts is of each address
    with tab(started, expected=("403", "400", "410"), extra_http_headers=elsewhere) as page:
        speaking = page.context.new_cdp_session(page)
        speaking.send("WebAuthn.enable")
        made = speaking.send("WebAuthn.addVirtualAuthenticator", {"options": {**AUTHENTICATOR, **other}})
        yield page, lambda: speaking.send("WebAuthn.getCredentials", made)["credentials"]


def url(site: Console, path: str) -> str:
    return f"http://localhost:{site.port}{path}"


def enrol(site: Console, page: Page, link: str) -> None:
    page.goto(url(site, link))
    page.click("form[data-options] button")


def log_in(site: Console, page: Page) -> None:
    page.goto(url(site, "/login"))
    with next_page(page):
        page.click("form[action='/login/passkey'] button")
    page.click("form[data-options] button")


def altered(page: Page, change: Change) -> None:
    """The page's answer is changed on its way to the console."""

    def handle(route: Any) -> None:  # noqa: ANN401  playwright's
        from urllib.parse import parse_qs, urlencode  # noqa: PLC0415  for this alone

        form = parse_qs(route.request.post_data or "")
        if "credential" in form:
            sent = change(json.loads(form["credential"][0]))
            route.continue_(post_data=urlencode({"credential": json.dumps(sent)}))
        else:
            route.continue_()

    page.route("**/*", handle)


def test_a_passkey_is_made_behind_the_link_and_logs_in(site: Console, started: Browser) -> None:
    link = site.invite("anne", "keys")
    with device(started) as (page, held):
        enrol(site, page, link)
        page.wait_for_url(url(site, "/login"))
        (credential,) = held()
        assert (credential["rpId"], credential["isResidentCredential"]) == ("localhost", True)
        page.goto(url(site, link))
        assert page.locator("form").count() == 0, "the link is used up"
        for _ in range(2):
            log_in(site, page)
            page.wait_for_url(url(site, "/"))
            assert "anne" in page.locator(".who").inner_text()
            page.click("form[action='/logout'] button")
            page.wait_for_url(url(site, "/login"))
        site.relay.run("console", "user", "disable", "anne")
        log_in(site, page)
        page.wait_for_selector("[role=alert]")
        site.relay.run("console", "user", "enable", "anne")
        log_in(site, page)
        page.wait_for_url(url(site, "/"))
        again = site.invite_again("anne")
        page.goto(url(site, "/held"))
        page.wait_for_url(url(site, "/login"))
        log_in(site, page)
        page.wait_for_selector("[role=alert]:visible")
        enrol(site, page, again)
        page.wait_for_url(url(site, "/login"))
    rows = [json.loads(line) for line in site.relay.run("trace", "--keys", "--json").stdout.splitlines()]
    told = [row["reason"] for row in rows if row["address"] == "console:anne"]
    assert told[:2] == ["user added: keys", "user enrolled"]
    assert told[-2:] == ["user reset", "user enrolled"]


def test_who_pressed_before_the_script_had_come_sent_a_form_without_an_answer(site: Console, started: Browser) -> None:
    with device(started) as (page, _held):
        before = list[bool]()

        def coming(script: Any) -> None:  # noqa: ANN401  playwright's
            before.append(page.locator("form[data-options] button").is_disabled())
            script.continue_()

        page.route("**/passkey.js", coming)
        enrol(site, page, site.invite("early", "keys"))
        page.wait_for_url(url(site, "/login"))
    assert before == [True]


def test_its_pages_are_accessible(site: Console, started: Browser) -> None:
    link = site.invite("axel", "reader")
    with tab(started, bypass_csp=True, viewport={"width": 360, "height": 800}) as page:
        for path in (link, "/login"):
            page.goto(url(site, path))
            assert violations(page) == []
        with next_page(page):
            page.click("form[action='/login/passkey'] button")
        assert page.locator("form[data-options]").count() == 1
        assert violations(page) == []


def test_a_device_that_does_not_verify_its_user_makes_none(site: Console, started: Browser) -> None:
    with device(started, hasUserVerification=False, isUserVerified=False) as (page, held):
        enrol(site, page, site.invite("bruno", "keys"))
        page.wait_for_selector("form[data-options] [role=alert]:visible")
        assert held() == []


WRONG: dict[str, Change] = {
    "another person's passkey": lambda sent: {**sent, "id": "AAAA", "rawId": "AAAA"},
    "a signature of something else": lambda sent: {
        **sent,
        "response": {**sent["response"], "signature": "MAYCAQECAQE"},
    },
    "the data of another site": lambda sent: {**sent, "response": {**sent["response"], "authenticatorData": "AA" * 50}},
    "no response": lambda sent: {**sent, "response": {}},
    "a number": lambda _sent: {"id": 1},
}


@pytest.mark.parametrize("what", WRONG)
def test_what_the_passkey_did_not_say_is_no_login(site: Console, started: Browser, what: str) -> None:
    name = f"w{list(WRONG).index(what)}"
    with device(started) as (page, _held):
        enrol(site, page, site.invite(name, "keys"))
        page.wait_for_url(url(site, "/login"))
        altered(page, WRONG[what])
        log_in(site, page)
        page.wait_for_selector("[role=alert]:visible")
        assert not [cookie for cookie in page.context.cookies() if cookie["name"] == "__Host-session"]


def test_an_answer_counts_once_and_in_the_browser_that_was_asked(site: Console, started: Browser) -> None:
    caught: list[dict[str, Any]] = []

    def catch(sent: dict[str, Any]) -> dict[str, Any]:
        caught.append(sent)
        return sent

    with device(started) as (page, _held):
        enrol(site, page, site.invite("carla", "keys"))
        page.wait_for_url(url(site, "/login"))
        altered(page, catch)
        log_in(site, page)
        page.wait_for_url(url(site, "/"))
    visitor = site.visitor()
    visitor.post("/login/passkey", {})
    assert visitor.cookies["__Host-attempt"]
    assert visitor.post("/login/passkey", {"credential": json.dumps(caught[0])}).status == 403
    assert visitor.post("/login/passkey", {"credential": "[" * 5000}).status == 403
    assert visitor.post("/login/passkey", {"credential": "null"}).status == 403


def test_with_a_passkey_there_is_no_password(site: Console, started: Browser) -> None:
    with device(started) as (page, _held):
        enrol(site, page, site.invite("dora", "keys"))
        page.wait_for_url(url(site, "/login"))
    for words in (WORDS, ""):
        form = {"way": "local", "name": "dora", "password": words, "code": "000000"}
        assert site.visitor().post("/login", form).status == 403
