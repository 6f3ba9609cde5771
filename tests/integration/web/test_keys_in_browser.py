"""The pages for keys in a real browser: without scripts, by keyboard, on a telephone, light and dark, by axe-core."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from lab.accessible import needs_axe, violations
from lab.browser import browser, needs_browser, next_page, tab
from lab.correspondent import Correspondent
from lab.public import WebPublic

from relay.model.public import EventKind, ObjectKind, PublicEvent, PublicObject

if TYPE_CHECKING:  # only tests with a browser have it
    from playwright.sync_api import Browser

pytestmark = [needs_browser, needs_axe]

T = TypeVar("T")

ADDRESS = "claire@cabinet.example"
TOKEN = "abcdefghijklmnopqrstuvwxyz"  # noqa: S105  a test's
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" fill="#c2185b"/></svg>'
SIZES = [(360, "light"), (1440, "dark")]
"""Widths in CSS pixels, and the colours that the visitor's system asks for."""
EXPECTED = ("status of 422", "status of 404")
"""The console tells of these answers."""


def _aside(work: Coroutine[Any, Any, T]) -> T:
    """In a thread: playwright has this one's event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass(frozen=True)
class Bench:
    """The service, a browser and a key."""

    web: WebPublic
    browser: Browser
    key: str
    secret: str

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.web.http}{path}"

    def events(self) -> list[PublicEvent]:
        async def take() -> list[PublicEvent]:
            channel = self.web.channel()
            try:
                found = await channel.events()
                for event in found:
                    await channel.done(event)
                return found
            finally:
                await channel.close()

        return _aside(take())

    def challenge(self, kind: ObjectKind = ObjectKind.CHALLENGE) -> str:
        """The link of one, or of an invitation."""
        token = f"{TOKEN}{kind.value}"

        async def put() -> None:
            channel = self.web.channel()
            try:
                name = hashlib.sha256(token.encode()).hexdigest()
                await channel.put(PublicObject(kind, name, b"", 1_950_000_000))
            finally:
                await channel.close()

        _aside(put())
        return self.url(f"/keys/confirm/{token}")


@pytest.fixture
def bench(running: Bench) -> Bench:
    """Without the events of the test before."""
    running.events()
    return running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    logo = tmp_path_factory.mktemp("site") / "logo.svg"
    logo.write_text(LOGO)
    settings = {
        "enrol": {"web": "https://cles.hopital.example"},
        "pickup": {"organisation": "Centre hospitalier Exemple", "logo": str(logo), "colour": "#ffcc00"},
        "notices": {"contact": "le service informatique, secours@hopital.example"},
    }
    with Correspondent() as person, WebPublic(settings=settings) as web, browser() as started:
        fingerprint = person.new_key(f"Claire Dupont <{ADDRESS}>")
        person.gpg(
            "--quick-add-uid", fingerprint, f"Maison de santé <{'tres-long-nom.' * 4}secretariat@rivieres.example>"
        )
        secret = person.gpg("--pinentry-mode", "loopback", "--armor", "--export-secret-keys", fingerprint).decode()
        web.start()
        yield Bench(web, started, person.gpg("--armor", "--export", fingerprint).decode(), secret)


def test_the_whole_way_without_scripts(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "key.asc").write_text(bench.key)
    with tab(bench.browser, EXPECTED, java_script_enabled=False) as page:
        page.goto(bench.url("/keys"))
        assert page.title().endswith("Centre hospitalier Exemple")
        page.fill("#key", bench.secret)
        with next_page(page):
            page.click("text=Lire la clé")
        assert page.locator("[role=alert]").inner_text().endswith("nouvelle.")
        assert bench.secret[100:200] not in page.content()

        page.set_input_files("#file", tmp_path / "key.asc")
        with next_page(page):
            page.click("text=Lire la clé")
        page.get_by_label(ADDRESS).check()
        with next_page(page):
            page.click("button")
        assert ADDRESS in page.inner_text("main")
        assert page.locator(".logo").evaluate("e => e.complete && e.naturalWidth > 0")
        assert {url.split("/")[2] for url in page.asked} == {f"127.0.0.1:{bench.web.http}"}, "nothing from elsewhere"
        assert page.context.cookies() == []
    ((kind, about),) = [(event.kind, event.about) for event in bench.events()]
    assert (kind, about) == (EventKind.KEY, ADDRESS)


def test_the_link_asks_and_the_button_confirms_and_the_language_can_be_switched(bench: Bench) -> None:
    with tab(bench.browser, EXPECTED) as page:
        page.goto(bench.challenge())
        assert bench.events() == []
        with next_page(page):
            page.click("text=English")
        assert page.inner_text("h1") == "Confirm your key"
        with next_page(page):
            page.click("text=Confirm my key")
        assert page.inner_text("h1") == "Thank you, your key is confirmed"
        assert [event.kind for event in bench.events()] == [EventKind.CONFIRMED]


def test_not_me_asks_as_well_and_says_that_nobody_is_asked_again(bench: Bench) -> None:
    with tab(bench.browser, EXPECTED) as page:
        page.goto(bench.challenge(ObjectKind.INVITATION))
        assert page.inner_text("h1").startswith("Ne plus recevoir")
        assert bench.events() == []
        with next_page(page):
            page.click("text=Ne plus me le demander")
        assert page.inner_text("h1") == "Nous ne vous le demanderons plus"
        assert [event.kind for event in bench.events()] == [EventKind.REFUSED]


def test_all_of_it_by_keyboard(bench: Bench) -> None:
    with tab(bench.browser, EXPECTED) as page:
        page.goto(bench.url("/keys?lang=en"))
        _tab_to(page, "#key")
        page.keyboard.insert_text(bench.key)
        _tab_to(page, "button")
        with next_page(page):
            page.keyboard.press("Enter")
        _tab_to(page, "input[type=radio]")
        page.keyboard.press("ArrowDown")
        _tab_to(page, "button")
        with next_page(page):
            page.keyboard.press("Enter")
        assert "on its way" in page.inner_text("h1")
    (event,) = bench.events()
    assert event.about.endswith("secretariat@rivieres.example")


def _tab_to(page: Any, selector: str) -> None:  # noqa: ANN401  playwright's page
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineWidth")
            assert outline != "0px", "who uses the keyboard sees where it is"
            return
    raise AssertionError(f"{selector} is not reached")


def _send(page: Any, key: str = "") -> None:  # noqa: ANN401  playwright's page
    if key:
        page.fill("#key", key)
    with next_page(page):
        page.click("form button")


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(bench: Bench, width: int, scheme: str) -> None:
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme, "bypass_csp": True}
    with tab(bench.browser, EXPECTED, **options) as page:
        for step in (
            lambda: page.goto(bench.url("/keys")),
            lambda: [each.click() for each in page.locator("summary").all()],
            lambda: _send(page, bench.secret),
            lambda: _send(page, bench.key),
            lambda: _send(page),
            lambda: page.goto(bench.challenge()),
            lambda: page.goto(bench.challenge(ObjectKind.INVITATION)),
            lambda: _send(page),
            lambda: page.goto(bench.url("/keys/confirm/there-is-no-such-link")),
        ):
            step()
            assert violations(page) == [], page.url
            assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
