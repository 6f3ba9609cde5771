"""The console in a real browser: logged in by the form, every page in both languages, by axe-core, nothing cut off."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from lab.accessible import needs_axe, violations
from lab.browser import browser, needs_browser, tab
from lab.certificates import make_keypair
from lab.console import WORDS, Console
from lab.console_pictures import fill
from lab.relay import Relay

from relay.model import Record
from relay.model.console import Person, Role
from relay.store import Store
from relay.web.console.view import MENU

if TYPE_CHECKING:  # only tests with a browser have it
    from playwright.sync_api import Browser

pytestmark = [needs_browser, needs_axe]

PEOPLE = {
    "keys": "keys",
    "admin": "admin",
    "anne": "reader",
    "bruno": "desk",
    "chloe": "keys",
    "dora": "admin",
    "eve": "desk",
    "fred": "admin",
}
"""Who logs in, with their roles."""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

LONG = "secretariat.cardiologie@hopitaldejour.chuclermont.example"
SPLIT = """long => {
  const lines = node => { const range = document.createRange(); range.selectNode(node);
    return new Set([...range.getClientRects()].map(one => Math.round(one.top))).size; };
  const shown = [...document.querySelectorAll("td, h2, dd, li")].filter(one => one.textContent.includes(long));
  const walker = one => document.createNodeIterator(one, NodeFilter.SHOW_TEXT), found = [];
  for (const one of shown) for (let each, all = walker(one); (each = all.nextNode());)
    if (long.includes(each.data.trim()) && each.data.trim() && lines(each) > 1) found.push(each.data);
  return [shown.length > 0, found]; }"""
"""Whether an address is shown, and those of its parts that stand in two lines."""
BROKEN = """wanted => {
  const lines = node => { const range = document.createRange(); range.selectNodeContents(node);
    return new Set([...range.getClientRects()].map(one => Math.round(one.top))).size; };
  const shown = [...document.querySelectorAll(wanted)].filter(one => one.checkVisibility());
  return [shown.length > 0, shown.filter(one => lines(one) > 1).map(one => one.textContent)]; }"""
"""Whether there is what is wanted, and what of it stands in two lines."""
ONE_LINE = "td.concerns:not(:has(wbr ~ wbr ~ wbr ~ wbr))"
"""What a row of the audit trail concerns, but for the longest address."""
BASELINES = """row => [...row.cells].filter(cell => cell.textContent.trim() && !cell.matches(".do")).map(cell => {
  const mark = cell.insertBefore(document.createElement("span"), cell.firstChild);
  mark.style.display = "inline-block";
  return Math.round(mark.getBoundingClientRect().bottom); })"""
"""The height at which the first line of each cell stands, but for those of buttons."""
IN_SEPTEMBER = """month => document.querySelectorAll("main time").forEach(one => {
  one.textContent = one.textContent.replace(/^\\d+(\\s)\\S+/, `30$1${month}`); })"""
"""Every date as on the 30th of the month with the longest name, so that no other month is worse."""


@dataclass(frozen=True)
class Bench:
    console: Console
    browser: Browser
    log_ins: Counter[str] = field(default_factory=Counter)
    """Of each person, so far."""

    def url(self, path: str) -> str:
        return f"http://localhost:{self.console.port}{path}"

    def log_in(self, page: Any, name: str) -> None:  # noqa: ANN401  playwright's page
        """Each time with a later code than before; two are good at the same time."""
        later, self.log_ins[name] = self.log_ins[name], self.log_ins[name] + 1
        page.goto(self.url("/login"))
        page.fill("[name=name]", name)
        page.fill("[name=password]", WORDS)
        page.fill("[name=code]", self.console.code(name, later))
        page.click("button[value=local]")
        page.wait_for_url(self.url("/"))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Relay() as relay, Console(relay) as console:
        fill(relay)
        relay.run("keys", "import", "-", content=make_keypair(f"<{LONG}>").public)
        asyncio.run(_mail_to_long(relay))
        for name, role in PEOPLE.items():
            console.enrol(name, console.invite(name, role), console.visitor())
        with browser() as started:
            yield Bench(console, started)


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_every_page_in_both_languages(bench: Bench, width: int, scheme: str) -> None:
    with tab(bench.browser, viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True) as page:
        assert violations_at(bench, page, "/login") == []
        bench.log_in(page, "admin")
        assert page.locator("nav.wide a").count() == len(MENU)
        for _, path, _ in MENU:
            assert violations_at(bench, page, f"{path}?lang=fr") == [], path
            assert page.evaluate(WIDER) == 0, f"{path} is wider than the screen"
            page.goto(bench.url(f"{path}?lang=en"))
            assert page.locator("html").get_attribute("lang") == "en"
            assert page.evaluate(WIDER) == 0, f"{path} is wider than the screen"


@pytest.mark.parametrize("name", ["anne", "bruno", "chloe"])
def test_every_page_of_a_lesser_role(bench: Bench, name: str) -> None:
    role = Role(PEOPLE[name])
    with tab(bench.browser, viewport={"width": 1440, "height": 800}, bypass_csp=True) as page:
        bench.log_in(page, name)
        paths = [path for _, path, act in MENU if Person(name, role).may(act)]
        assert page.locator("nav.wide a").count() == len(paths)
        for path in paths:
            assert violations_at(bench, page, f"{path}?lang=en") == [], path


def violations_at(bench: Bench, page: Any, path: str) -> list[str]:  # noqa: ANN401  playwright's page
    page.goto(bench.url(path))
    return violations(page)


def test_a_proposed_key_is_approved_by_keyboard(bench: Bench) -> None:
    with tab(bench.browser) as page:
        bench.log_in(page, "keys")
        page.goto(bench.url("/proposals"))
        assert page.locator("section").count() == 2
        page.locator("button[value=approve]").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(bench.url("/proposals?done=approve"))
        assert page.locator("[role=status]").count() == 1
        assert page.locator("section").count() == 1


def test_keys_are_found_as_one_types(bench: Bench) -> None:
    given_up = ("htmx:afterRequest", "htmx:sendAbort")  # a search whose text has changed before its answer came
    with tab(bench.browser, given_up) as page:
        bench.log_in(page, "keys")
        page.goto(bench.url("/keys"))
        assert page.locator("#found tbody tr").count() > 1
        page.locator("[name=text]").press_sequentially("passerelle")
        page.wait_for_selector("#found tbody tr:only-child")
        assert "passerelle@clinique.example" in page.locator("#found").inner_text()


def test_a_long_address_goes_on_in_the_next_line_and_not_in_the_middle_of_a_word(bench: Bench) -> None:
    with tab(bench.browser, ("404",), viewport={"width": 360, "height": 800}) as page:
        bench.log_in(page, "dora")
        for path in ("/keys", f"/messages?text={LONG}", "/held", "/messages/IDLONG"):
            page.goto(bench.url(path))
            assert page.evaluate(SPLIT, LONG) == [True, []], path
            assert page.evaluate(WIDER) == 0, path
        page.goto(bench.url(f"/keys/{40 * 'A'}"))
        assert page.evaluate(WIDER) == 0, "the fingerprint of a key that is not there"
        page.goto(bench.url("/messages"))
        assert page.evaluate(SPLIT, "radiologie@hopital.example") == [True, []], "its last letter"


def test_a_date_was_broken_before_its_time(bench: Bench) -> None:
    with tab(bench.browser, viewport={"width": 360, "height": 800}) as page:
        bench.log_in(page, "fred")
        for path in ("/held", "/proposals", "/messages/IDLONG", "/audit"):
            page.goto(bench.url(f"{path}?lang=en"))
            page.evaluate(IN_SEPTEMBER, "September")
            assert page.evaluate(BROKEN, "main time") == [True, []], path


def test_fingerprints_stood_higher_than_the_rest_of_their_row(bench: Bench) -> None:
    with tab(bench.browser, viewport={"width": 1440, "height": 800}) as page:
        bench.log_in(page, "fred")
        for path in ("/keys", "/audit", "/bindings"):
            page.goto(bench.url(path))
            heights = page.locator("tbody tr").evaluate_all(f"rows => rows.map({BASELINES})")
            assert len(heights) > 0
            assert [each for each in heights if max(each) - min(each) > 1] == [], path


def test_each_row_of_the_audit_trail_had_two_lines_for_an_address(bench: Bench) -> None:
    with tab(bench.browser, viewport={"width": 1440, "height": 800}) as page:
        bench.log_in(page, "dora")
        page.goto(bench.url("/audit?lang=fr"))
        page.evaluate(IN_SEPTEMBER, "septembre")
        assert page.locator("main time").first.inner_text().startswith("30\N{NO-BREAK SPACE}septembre")
        assert page.evaluate(BROKEN, ONE_LINE) == [True, []]


@pytest.mark.parametrize("width", [768, 1024])
def test_on_a_tablet_the_buttons_of_a_row_stood_outside_their_table(bench: Bench, width: int) -> None:
    with tab(bench.browser, viewport={"width": width, "height": 800}) as page:
        bench.log_in(page, "eve")
        page.goto(bench.url("/held?lang=fr"))
        assert page.locator(".do button").count() > 0
        assert page.locator(".scroll").evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)") == [0]


async def _mail_to_long(relay: Relay) -> None:
    async with await Store.open(relay.keyring / "store.db") as store:
        row = Record(
            *(time.time(), "IDLONG", "4F1", "<1@x>", LONG, LONG, "hold", "everyone else", "no key is known"),
            *("", "", "450 4.7.1", 1),
        )
        await store.trace.write([row])
