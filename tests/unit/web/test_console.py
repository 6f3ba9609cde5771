"""What the console decides without a browser: texts, charts, languages, sessions by the clock, codes."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pyotp
import pytest
from lab.http_requests import share

from relay.admin.acts import ACTS as DONE
from relay.cli.actions import STYLES
from relay.config.console import Login as Ways
from relay.model import incoming
from relay.model.console import ACTS, Person, Role
from relay.model.doubt import Doubt
from relay.model.endpoint import HttpPlace
from relay.model.mark import Signed
from relay.model.opened import Reason
from relay.model.pickup import QUOTES_CODE, Obstacle
from relay.model.why import Why
from relay.pipeline import key_mail, returns
from relay.pipeline.key_mail import TAKEN
from relay.pipeline.treat import DEFERRED, REFUSED
from relay.policy.decide import NEVER, NOT_LOOKED_UP
from relay.store.console import ATTEMPT, IDLE, LONGEST, ConsoleStore, Secrets, Session
from relay.web.console import charts, credentials
from relay.web.console.devices import Devices
from relay.web.console.elsewhere import Elsewhere
from relay.web.console.fingerprint_picture import picture
from relay.web.console.login import Login
from relay.web.console.mail_pages import outcomes
from relay.web.console.pages import FORMS, PAGES, UPLOADS
from relay.web.console.reasons import reason
from relay.web.console.record_pages import Detail, details
from relay.web.console.relay_link import RelayLink
from relay.web.console.sessions import Sessions
from relay.web.console.texts import TEXTS
from relay.web.console.view import MENU, View, commands
from relay.web.http.messages import Answer, Request

TEMPLATES = Path(__file__).parents[3] / "relay" / "web" / "console" / "templates"
SCROLLED = re.compile(r"{% call (?:m\.)?scroll\([^)]+\) %}<table")
PRE = re.compile(r"<pre[^>]*>")


def test_both_languages_have_the_same_texts() -> None:
    assert TEXTS["en"].keys() == TEXTS["fr"].keys()
    assert all(text.strip() for texts in TEXTS.values() for text in texts.values())


@pytest.mark.parametrize("kind", ["action", "one", "way"])
def test_an_opened_pickup_was_told_by_the_name_that_the_trace_has_for_it(kind: str) -> None:
    assert {f"{kind}.{action}" for action in STYLES} <= TEXTS["fr"].keys()


def test_a_wide_table_had_no_way_to_be_scrolled_by_keyboard() -> None:
    macros = (TEMPLATES / "macros.html").read_text("utf-8")
    pages = {file.name: file.read_text("utf-8") for file in TEMPLATES.glob("*.html") if file.name != "macros.html"}
    assert macros.count('class="scroll"') == 1
    assert '<div class="scroll" tabindex="0" role="group" aria-label="{{ name }}">' in macros
    assert [name for name, text in pages.items() if 'class="scroll"' in text] == []
    for text in (macros, *pages.values()):
        tables = text.count("<table")
        assert tables == len(SCROLLED.findall(text))
        assert all('tabindex="0" role="region" aria-label=' in each for each in PRE.findall(text))


def sources() -> str:
    """Of pages, and of what shows them."""
    modules = TEMPLATES.parent.glob("*.py")
    return "".join(path.read_text() for path in (*TEMPLATES.glob("*.html"), *modules))


def test_every_text_that_a_page_names_is_there_and_pages_have_no_text_of_their_own() -> None:
    pages = "".join(path.read_text() for path in TEMPLATES.glob("*.html"))
    lists = re.findall(r"m\.head\(\[(.*?)\]", pages)
    heads = {name for names in lists for name in re.findall(r'"([a-z.]+)"', names)}
    assert set(re.findall(r't\["([a-z.]+)"\]', pages)) | heads <= TEXTS["en"].keys()
    outside = re.sub(r"{[{%#].*?[}%#]}|<[^>]*>", " ", pages, flags=re.DOTALL)
    assert set(re.findall(r"[A-Za-z]{3,}", outside)) <= {"DKIM", "Message"}


def test_every_text_is_shown_somewhere() -> None:
    named = set(re.findall(r'"([a-z]+(?:\.[a-z0-9]+)*)"', sources()))
    begun = tuple(re.findall(r'"([a-z.]+\.)" ~', sources()))
    assert [key for key in TEXTS["en"] if key not in named and not key.startswith(begun)] == []


def test_what_was_done_is_said_for_every_act_of_a_form() -> None:
    assert {f"done.{act}" for form in FORMS.values() for act in form.acts} <= TEXTS["en"].keys()


def test_pages_do_what_acts_do_and_nothing_else_and_each_act_is_on_a_page() -> None:
    shown = (
        {page.act for page in PAGES}
        | {act for form in FORMS.values() for act in form.acts}
        | {act for acts in UPLOADS.values() for act in acts}
    )
    within = set(re.findall(r'(?:ask|attempt)\("([a-z]+)"', sources()))
    assert shown | within == DONE.keys() == ACTS.keys()
    assert {path for _, path, _ in MENU} <= {page.path.pattern for page in PAGES}
    assert {(path, act) for _, path, act in MENU} <= {(page.path.pattern, page.act) for page in PAGES}


@pytest.mark.parametrize("said", [*Why, *Doubt, *Obstacle, NEVER, NOT_LOOKED_UP])
def test_a_french_page_says_every_reason_in_french(said: str) -> None:
    assert reason(said, "fr") != said
    assert reason(said, "en") == said


MARKS = [
    *(f"signature {each}" for each in Signed),
    *(f"stays closed: {each}" for each in Reason if each is not Reason.PICKUP),
    "neither encrypted nor signed",
    "it cannot be worked on now",
    "it could not be encrypted",
    "the token from inside proves that it was opened",
    *("nothing to tell", "told already", "the sender is told", "the sender cannot be told now"),
]


@pytest.mark.parametrize("said", [*MARKS, *sorted(TAKEN), QUOTES_CODE, DEFERRED.reason, REFUSED.reason])
def test_what_became_of_incoming_mail_was_told_in_english_on_french_pages(said: str) -> None:
    """Only what the pages were tried with was translated, and that was no reason that the relay writes."""
    french = reason(said, "fr")
    assert french != said
    assert said.rpartition(": ")[2] not in french


@pytest.mark.parametrize("rule", [incoming.RULE, key_mail.RULE, returns.RULE])
def test_what_stands_in_the_place_of_a_rules_name_was_english_on_french_pages(rule: str) -> None:
    assert TEXTS["fr"][f"rule.{rule}"] != TEXTS["en"][f"rule.{rule}"]


def test_decisions_stood_in_another_order_in_each_table() -> None:
    counts = {"clear": 1, "picked_up": 2, "refuse": 3, "encrypt": 4}
    assert charts.ordered(counts) == [("encrypt", 4), ("clear", 1), ("refuse", 3), ("picked_up", 2)]


def test_a_reason_is_translated_with_what_stands_beside_it() -> None:
    assert reason("key found: keyring", "fr") == "clé trouvée\u00a0: keyring"
    assert reason(Doubt.LINES.beside(Why.NO_KEY), "fr") == (
        "aucune clé n\u2019est connue\u202f; il paraît chiffré, mais son base64 n\u2019est pas en lignes pleines"
    )
    assert reason(f"{Why.NO_KEY}, {Obstacle.TOO_LARGE}", "fr") == (
        "aucune clé n\u2019est connue, et il est trop volumineux pour un retrait"
    )
    assert reason("the header List-Id is not *", "fr") == "le champ List-Id n\u2019est pas *"
    assert reason("what nobody wrote", "fr") == "what nobody wrote"


def test_pictures_of_fingerprints_differ_and_stay_the_same() -> None:
    drawn = [picture(f"{number:040X}") for number in range(200)]
    assert len(set(drawn)) == 200
    assert drawn[7] == picture(f"{7:040X}")
    assert all(re.fullmatch(r"<svg [^>]*>(<rect [^<>]*/>)+</svg>", each) for each in drawn)


def test_every_decision_has_a_word_and_a_colour() -> None:
    sheet = (TEMPLATES.parent / "static" / "console.css").read_text()
    for action in charts.ORDER:
        assert {f"action.{action}", f"one.{action}", f"way.{action}"} <= TEXTS["en"].keys()
        assert f".a-{action} " in sheet


def test_a_mail_that_waited_for_one_recipient_was_said_to_be_held_for_many() -> None:
    """Attempts were counted, and one recipient was "1 encrypted 40 held"."""
    waited = [{"recipient": "a@ville.example", "action": "hold"}] * 40
    went = {"recipient": "a@ville.example", "action": "encrypt"}
    second = {"recipient": "b@ville.example", "action": "pickup"}
    opened = {"recipient": "b@ville.example", "action": "picked_up"}
    assert outcomes([*waited, went]) == []
    assert outcomes([*waited, second]) == [("pickup", 1), ("hold", 1)]
    assert outcomes([*waited, second, went, opened]) == [("encrypt", 1), ("pickup", 1)]


def test_times_of_the_relays_state_were_seconds_since_1970_and_its_lists_were_python() -> None:
    at = 1764547200.25
    trouble = {"what": "failed", "details": "x", "count": 2, "last": at}
    state = {
        "started": at,
        "last_encryption": None,
        "workers": {"alive": 2},
        "listen": ["a", "b"],
        "troubles": [trouble],
    }
    assert list(details(state)) == [
        Detail("started", at=at),
        Detail("last_encryption"),
        Detail("workers.alive", "2"),
        Detail("listen", "a, b"),
        Detail("troubles.1.what", "failed"),
        Detail("troubles.1.details", "x"),
        Detail("troubles.1.count", "2"),
        Detail("troubles.1.last", at=at),
    ]
    told = {"running": True, "status": {"lacks": "", "started": at}, "nodes": []}
    page = View("en", "/sources").page("sources", told=told, rows=list(details(state)))
    assert "1764547200" not in page.body.decode()
    assert page.body.decode().count('title="1\xa0December\xa02025, 00:00:00 UTC"') == 3


@pytest.mark.parametrize("shown", [199, 200])
def test_a_list_that_was_cut_looked_like_all_of_it(shown: int) -> None:
    change = {"time": 0.0, "actor": "cli:root", "address": "a", "reason": "imported", "old": "", "new": ""}
    page = View("fr", "/audit").page("audit", rows=[change] * shown, verdict=None).body.decode()
    assert ("pgp-relay trace --keys" in page) is (shown == 200)


def test_a_fingerprint_in_a_row_of_the_audit_trail_made_its_table_wider_than_the_page() -> None:
    digits = 24 * "A" + 16 * "B"
    row = {"time": 0.0, "actor": "console:anne", "address": f"approve {digits}", "reason": "x", "old": "", "new": ""}
    page = View("en", "/audit").page("audit", rows=[row], verdict=None).body.decode()
    assert ">approve BBBBBBBBBBBBBBBB<" in page
    assert digits not in page


@pytest.mark.parametrize("language", ["en", "fr"])
def test_commands_in_a_sentence_looked_like_its_words_and_were_broken_at_a_hyphen(language: str) -> None:
    shown: dict[str, dict[str, Any]] = {
        "users": {"rows": []},
        "policy": {"told": {"rows": [], "others": {}}},
        "error": {"error": "503"},
    }
    for template, values in shown.items():
        page = View(language, "/", Person("anne", Role.ADMIN)).page(template, done="", fault="", **values).body.decode()
        assert re.search(r"<code>(pgp-relay|systemctl) [^<`]+</code>", page), template
        assert "`" not in page, template


def test_what_is_no_command_is_shown_as_it_was_written() -> None:
    assert commands("run `pgp-relay <b>` now") == "run <code>pgp-relay &lt;b&gt;</code> now"
    assert commands("o`neil") == "o`neil"


def test_bars_are_as_high_as_what_they_count() -> None:
    drawn = charts.bars([{"encrypt": 3, "clear": 1}, {}, {"hold": 2}], "label", ["10:00", "11:00", "12:00"])
    heights = [float(height) for height in re.findall(r'height="([0-9.]+)"/>', drawn)]
    assert heights == [105.0, 35.0, 70.0]
    assert re.findall(r"<title>([^<]*)</title>", drawn) == ["10:00: 4", "11:00: 0", "12:00: 2"]
    assert charts.totals([{"encrypt": 3, "clear": 1}, {"encrypt": 2}]) == [("encrypt", 5), ("clear", 1)]


@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_those_before_it_may(role: Role) -> None:
    order = list(Role)
    for act, least in ACTS.items():
        assert Person("x", role).may(act) is (order.index(role) >= order.index(least))
        assert not Person("x", role, enabled=False).may(act)


ANNE = Session("anne", "g1", "desk", "csrf")


async def test_a_session_that_is_not_used_or_too_long_is_over(tmp_path: Path) -> None:
    now = 1_000_000.0
    async with await ConsoleStore.open(tmp_path / "c.db", clock=lambda: now) as store:
        await store.begin("token", ANNE)
        now += IDLE - 1
        assert await store.session("token") == ANNE
        now += IDLE - 1
        assert await store.session("token"), "it was used meanwhile"
        now += IDLE + 1
        assert await store.session("token") is None
        await store.begin("second", ANNE)
        for _ in range(int(LONGEST // (IDLE - 60)) + 1):
            now += IDLE - 60
            found = await store.session("second")
        assert found is None
        assert b"token" not in (tmp_path / "c.db").read_bytes()


async def test_a_session_is_idle_as_long_as_the_configuration_says(tmp_path: Path) -> None:
    now = 1_000_000.0
    async with await ConsoleStore.open(tmp_path / "c.db", clock=lambda: now, idle=60.0) as store:
        await store.begin("token", ANNE)
        for _ in range(5):
            now += 50
            assert await store.session("token")
        now += 61
        assert await store.session("token") is None


async def test_secrets_of_an_earlier_enrolment_count_no_more(tmp_path: Path) -> None:
    async with await ConsoleStore.open(tmp_path / "c.db") as store:
        await store.set_password("anne", "g1", Secrets("hash", "secret"))
        assert await store.password("anne", "g1")
        assert await store.password("anne", "g2") is None
        assert await store.password("bruno", "g1") is None


async def test_a_login_under_way_ends_once_and_in_time(tmp_path: Path) -> None:
    now = 1_000_000.0
    async with await ConsoleStore.open(tmp_path / "c.db", clock=lambda: now) as store:
        await store.attempt("token", "oidc", "value")
        assert await store.attempted("token", "passkey") is None
        assert await store.attempted("token", "oidc") == "value"
        assert await store.attempted("token", "oidc") is None
        await store.attempt("late", "oidc", "value")
        now += ATTEMPT + 1
        assert await store.attempted("late", "oidc") is None


async def test_passwords_are_not_kept_and_nobody_fits_no_password() -> None:
    stored = await credentials.hashed("correct horse battery")
    assert "horse" not in stored
    assert stored.startswith("$argon2id$")
    assert await credentials.fits(stored, "correct horse battery")
    assert not await credentials.fits(stored, "correct horse battery ")
    assert not await credentials.fits("", "nobody has this password")
    assert not await credentials.fits(stored, "x" * 100_000)
    await asyncio.sleep(0)


def test_a_code_counts_for_its_time_and_the_steps_beside_it() -> None:
    secret = pyotp.random_base32()
    totp = pyotp.TOTP(secret)
    now = 1_700_000_000.0
    steps = [credentials.step_of(secret, totp.at(now + 30 * away), lambda: now) for away in (-2, -1, 0, 1, 2)]
    assert steps == [None, 56666665, 56666666, 56666667, None]
    for wrong in ("", "12345", "1234567", "\uff11\uff12\uff13\uff14\uff15\uff16", "12345a"):
        assert credentials.step_of(secret, wrong, lambda: now) is None


async def test_a_text_that_is_no_name_is_not_remembered_by_the_limit_on_names(tmp_path: Path) -> None:
    """One of 8 KB in each attempt would fill the memory."""

    async def form(_most: int) -> bytes:
        return b"name=" + b"x" * 5000

    headers = {"Origin": "http://localhost", "Content-Type": "application/x-www-form-urlencoded"}
    request = Request("POST", "/login", "", "localhost", "192.0.2.1", headers, form, share)
    async with await ConsoleStore.open(tmp_path / "c.db") as store:
        link = RelayLink(HttpPlace(path="/nowhere"))
        sessions = Sessions(store, link)
        login = Login(store, sessions, Elsewhere(sessions, Ways(), None, None))
        assert (await login.log_in(request, View("en", "/login"))).status == HTTPStatus.FORBIDDEN
        await link.close()
    assert not login.by_name._buckets


def with_cookie(cookie: str) -> Request:
    async def nothing(_most: int) -> bytes:
        return b""

    return Request("GET", "/", "", "localhost", "192.0.2.1", {"Cookie": cookie}, nothing, share)


def test_the_cookie_of_one_person_is_none_of_anothers() -> None:
    devices, page = Devices(), Answer(HTTPStatus.OK)
    set_ = devices.noted(with_cookie(""), "mallory", page).headers["Set-Cookie"]
    cookie, _, kept = set_.partition("; ")
    assert kept == f"Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={90 * 86400}"
    assert devices.of(with_cookie(cookie), "Mallory")
    assert devices.noted(with_cookie(cookie), "mallory", page) is page
    device, _, signature = cookie.partition(".")
    forged = [cookie, f"{device}x.{signature}", f"{device}.", "__Host-device=x.y", "__Host-device=\udce9.\udce9", ""]
    assert [devices.of(with_cookie(each), "victim") for each in forged] == [""] * len(forged)
    assert [devices.of(with_cookie(each), "mallory") for each in forged[1:]] == [""] * (len(forged) - 1)
    assert devices.noted(with_cookie(cookie), "victim", page).headers["Set-Cookie"] != set_
    assert Devices().of(with_cookie(cookie), "mallory") == "", "its key is this process's own"
