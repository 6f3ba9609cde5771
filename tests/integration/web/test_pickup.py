"""A mail without a key, from the clinician to the reader's browser: real relay, public service and chromium."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pysequoia
import pytest
from lab import canary
from lab.accessible import needs_axe, violations
from lab.browser import browser, needs_browser, tab, with_scroll_bars
from lab.certificates import make_certificates
from lab.disk import fill, needs_root, small_disk
from lab.french_mail import PDF, PDF_NAME, SUBJECT, french_mail
from lab.password_readers import read_gnupg
from lab.pickup_reader import Reader, open_mail
from lab.pickup_site import DOCTOR, PATIENT, Site, pickup_site, text
from lab.relay import Relay
from lab.waiting import wait_for

from relay.model import codes

if TYPE_CHECKING:  # only tests with a browser have it
    from playwright.sync_api import Browser, Route

HOSTILE = """<html><head><meta http-equiv="refresh" content="0;url=http://tracker.example/refresh">
<style>@import url(http://tracker.example/style);</style><base href="http://tracker.example/"></head>
<body onload="alert(1)" background="http://tracker.example/background">
<script>fetch("http://tracker.example/script")</script><img src="http://tracker.example/pixel.png" onerror="alert(2)">
<form action="http://tracker.example/form"><input name="code"><button>Envoyer</button></form>
<iframe src="http://tracker.example/frame"></iframe><a href="javascript:alert(3)">a</a>
<a href="https://example.org/">lien</a><svg><use href="http://tracker.example/svg#a"/></svg>
<p style="background: url(http://tracker.example/url); color: red">lisible</p><img src="cid:courbe"></body></html>"""

HEIGHTS = """async () => {
  const [frame, found] = [document.querySelector("#body iframe"), []];
  for (let round = 0; round < 20; round += 1) {
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    found.push(frame.offsetHeight);
  }
  return found;
}"""
"""Of the mail's frame, while the browser draws it again and again."""
WHOLE = """one => {
  const [root, frame] = [one.ownerDocument.documentElement, one.ownerDocument.defaultView.frameElement];
  return frame.clientHeight > root.clientHeight && one.getBoundingClientRect().bottom <= root.clientHeight;
}"""
"""Whether a line in the mail's frame is seen as a whole, and the frame has a scroll bar below it."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with pickup_site() as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


def told_of(site: Site, name: str) -> dict[str, str | None]:
    """A pick-up, by its name."""
    found: dict[str, str | None] = json.loads(site.relay.run("pickup", "show", name, "--json").stdout)
    return found


@needs_browser
def test_a_french_mail_is_read_and_its_file_saved_with_a_code_as_it_was_heard(
    site: Site, chromium: Browser, tmp_path: Path
) -> None:
    patient = "lit@ville.example"
    mail = french_mail(DOCTOR, patient)
    assert site.send(mail, patient) == [250]
    heard = site.code().replace("-", " ").upper()

    with tab(chromium) as page:
        open_mail(page, site.link(patient), heard)
        frame = page.frame_locator("#body iframe")

        assert page.inner_text("#subject") == SUBJECT
        assert page.title() == "Message confidentiel \u2013 Hôpital Exemple", "the history of a shared browser keeps it"
        assert "Dr Éloïse Martin" in page.inner_text("#from")
        assert "rien d'inquiétant\u00a0: à bientôt !" in frame.locator("body").inner_text()
        assert frame.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)") == 240
        assert frame.locator("b").evaluate("one => getComputedStyle(one).color") == "rgb(26, 127, 55)"
        with page.expect_download() as saved:
            page.click("#attachments a")
        assert saved.value.suggested_filename == PDF_NAME
        saved.value.save_as(tmp_path / "saved.pdf")
        assert (tmp_path / "saved.pdf").read_bytes() == PDF
        with page.expect_download() as whole:
            page.click("#eml[href]")
        whole.value.save_as(tmp_path / "whole.eml")
        assert (tmp_path / "whole.eml").read_bytes() == mail
        assert all(url.startswith((site.url, "blob:", "data:")) for url in page.asked)
        assert page.context.cookies() == []
    name = site.link(patient).rpartition("/")[2]
    wait_for(lambda: told_of(site, name)["opened"], "that it was opened is known")
    assert (told_of(site, name)["recipient"], told_of(site, name)["sender"]) == (patient, DOCTOR)
    (row,) = site.relay.trace("--to", patient, "--action", "picked_up")
    (sent,) = site.relay.trace("--to", patient, "--action", "pickup")
    assert (row["sender"], row["message_id"]) == (DOCTOR, sent["message_id"])


@needs_browser
def test_the_reader_answers_and_the_clinician_alone_has_it_decrypted_in_the_mailbox(
    site: Site, chromium: Browser, tmp_path: Path
) -> None:
    patient, before = "repond@ville.example", len(site.relay.trace("--in"))
    site.send(french_mail(DOCTOR, patient), patient)
    (tmp_path / "été.pdf").write_bytes(PDF)
    words = "Merci, docteur : à très bientôt ! Je vous joins l'ordonnance."
    canary.sent(f"Subject: {words}\r\n\r\n{words}\r\n".encode())

    with tab(chromium) as page:
        open_mail(page, site.link(patient), site.code())
        page.fill("#answer", words)
        page.set_input_files("#enclosed", tmp_path / "été.pdf")
        page.click("#send")
        page.wait_for_selector("#sent:visible")
    mail = wait_for(lambda: next((one for one in site.mailbox.taken if patient.encode() in one.content), None), "it")
    answer = message_from_bytes(mail.content, policy=policy.default)

    assert list(mail.recipients) == [DOCTOR]
    assert answer["X-PGP-Relay"] == "encryption=decrypted; signature=none; subject=unsigned; reason=pickup"
    assert (answer["Subject"], answer["In-Reply-To"]) == (f"Re: {SUBJECT}", "<resultats@hopital.example>")
    assert (str(answer["From"].addresses[0].addr_spec), answer["Reply-To"]) == ("pickup@[127.0.0.1]", patient)
    body = answer.get_body()
    assert body
    assert words in body.get_content()
    (file,) = answer.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("été.pdf", PDF)
    (row,) = wait_for(lambda: site.relay.trace("--in")[before:], "the row that follows the mail")
    assert (row["action"], row["recipient"]) == ("decrypt", DOCTOR)


def test_an_answer_of_who_has_not_opened_it_or_that_does_not_open_reaches_nobody(site: Site) -> None:
    site.send(french_mail(DOCTOR, PATIENT))
    place = site.link().removeprefix(site.url)
    told = site.web.ask(f"{place}/message")
    token = message_from_bytes(read_gnupg(told.body, site.code()))["X-Pickup-Token"]
    stranger = bytes(pysequoia.encrypt(b"x", [pysequoia.Cert.from_bytes(make_certificates(1)[0])], armor=False))
    before = len(site.mailbox.taken)

    assert site.web.ask(f"{place}/answer", "POST", stranger).status == 403
    assert site.web.ask(f"{place}/answer", "POST", b"cleartext", Pickup_Proof=token).status == 400
    assert site.web.ask(f"{place}/answer", "POST", stranger, Pickup_Proof=token).status == 204
    wait_for(lambda: [e for e in site.relay.events if e["event"] == "pickup_answered" and e["code"] == 554], "dropped")
    assert len(site.mailbox.taken) == before


@needs_browser
def test_nothing_in_a_hostile_mail_runs_loads_or_asks(site: Site, chromium: Browser) -> None:
    site.send(french_mail(DOCTOR, PATIENT, HOSTILE))
    with tab(chromium, expected=("Content Security Policy",)) as page:
        open_mail(page, site.link(), site.code())
        frame = page.frame_locator("#body iframe")
        assert "lisible" in frame.locator("body").inner_text()
        tags = (
            "script, form, input, button, iframe, meta[http-equiv], base, style, svg, [onload], [onerror], [style*=url]"
        )
        assert frame.locator(f"{tags}, [style*=url]").count() == 0
        assert frame.locator("a").evaluate_all("all => all.map(one => one.getAttribute('href'))") == [
            None,
            "https://example.org/",
        ]
        sandbox = page.locator("#body iframe").get_attribute("sandbox")
        assert "allow-scripts" not in sandbox
        assert "allow-forms" not in sandbox
        page.wait_for_timeout(300)
        assert not any("tracker" in url for url in page.asked)


@needs_browser
def test_sizes_that_follow_the_frames_height_made_it_grow_without_end(site: Site, chromium: Browser) -> None:
    """The place to answer ran away; as the mail of a shop has it, `height: 100vh` with a margin is enough."""
    styles = ["height:101vh", "min-height:calc(101vh)", "height:150VH", "height:120svh", "padding-bottom:101vmax"]
    styles += ["height:101cqh", "margin-top:101cqmax", "height:stretch", "height:1e3vh", "height:101future"]
    kept = ("height: 101%;", "margin: 1.5em 12pt;", "color: rgb(16, 27, 95);")
    html = "".join(f'<div style="{style}">lisible</div>' for style in (*styles, *kept[:2], "color: #101b5f"))
    site.send(french_mail(DOCTOR, PATIENT, f"<html><body>{html}</body></html>"))
    with tab(chromium) as page:
        open_mail(page, site.link(), site.code())
        inside = page.frame_locator("#body iframe")
        assert inside.locator("div[style]").evaluate_all("all => all.map(one => one.style.cssText)") == list(kept)
        heights = page.evaluate(HEIGHTS)
        assert heights[-1] == heights[9]
        assert heights[-1] < 1000


@needs_browser
def test_a_size_that_no_list_knows_did_not_let_the_frame_grow_either(site: Site, chromium: Browser) -> None:
    """Set from outside, as a unit would be that browsers learn tomorrow. The place of the page stays where it was."""
    html = "<html><body><div>lisible</div>" + "<p>encore</p>" * 100 + "</body></html>"
    site.send(french_mail(DOCTOR, PATIENT, html))
    with tab(chromium, expected=("ResizeObserver",)) as page:
        open_mail(page, site.link(), site.code())
        inside = page.frame_locator("#body iframe")
        before = page.evaluate(HEIGHTS)[-1]
        page.evaluate("scrollTo(0, 2000)")
        inside.locator("div").evaluate("one => { one.style.paddingBottom = '101vh'; }")
        heights = page.evaluate(HEIGHTS)
        assert heights[-1] == heights[9]
        assert before < heights[-1] < before + 200
        assert page.evaluate("scrollY") == 2000
        inside.locator("div").evaluate("one => { one.remove(); }")
        assert page.evaluate(HEIGHTS)[-1] < before, "it grows smaller too"


@needs_browser
def test_the_scroll_bar_of_a_wide_mail_hid_its_lowest_lines(site: Site, chromium: Browser) -> None:
    lines = "<p>encore</p>" * 10
    html = f'<html><body><div style="width: 3000px">large</div>{lines}<p>dernière</p></body></html>'
    site.send(french_mail(DOCTOR, PATIENT, html))
    with with_scroll_bars(chromium) as second, tab(second) as page:
        open_mail(page, site.link(), site.code())
        last = page.frame_locator("#body iframe").locator("text=dernière")
        wait_for(lambda: last.evaluate(WHOLE), "the last line is seen as a whole, above the scroll bar")


@needs_browser
def test_what_a_mail_says_to_be_important_was_not_shown(site: Site, chromium: Browser) -> None:
    styles = [
        "color: #101b5f !important",
        "color: #101b5f ! IMPORTANT; color: red",
        "color: red; color: #101b5f!important",
    ]
    html = "".join(f'<div style="{style}">lisible</div>' for style in styles)
    site.send(french_mail(DOCTOR, PATIENT, f"<html><body>{html}</body></html>"))
    with tab(chromium) as page:
        open_mail(page, site.link(), site.code())
        shown = page.frame_locator("#body iframe").locator("div")
        colours = "all => all.map(one => getComputedStyle(one).color)"
        assert shown.evaluate_all(colours) == ["rgb(16, 27, 95)"] * 3, "the colour that is important"


@needs_browser
def test_most_recipients_of_many_were_not_printed(site: Site, chromium: Browser) -> None:
    copies = ", ".join(f"medecin{number}@ville.example" for number in range(7))
    site.send(f"Cc: {copies}\r\n".encode() + french_mail(DOCTOR, PATIENT))
    with tab(chromium) as page:
        open_mail(page, site.link(), site.code())
        last = page.locator("#to .box").last
        for event, seen in (("", False), ("beforeprint", True), ("afterprint", False)):
            page.evaluate("name => dispatchEvent(new Event(name))", event)
            assert (last.text_content(), last.is_visible()) == ("medecin6@ville.example", seen)


@needs_browser
@pytest.mark.parametrize(
    ("sent", "shown"), [(b"Tue, 1 Dec", "1er décembre 2026"), (b"Fri, 11 Dec", "11 décembre 2026")]
)
def test_the_first_of_a_month_was_no_premier(site: Site, chromium: Browser, sent: bytes, shown: str) -> None:
    site.send(french_mail(DOCTOR, PATIENT).replace(b"Tue, 24 Nov", sent))
    with tab(chromium) as page:
        open_mail(page, site.link(), site.code())
        assert page.inner_text("#date").startswith(f"{shown} à ")


def answering(status: int) -> Callable[[Route], None]:
    """In the service's place."""
    return lambda asked: asked.fulfill(status=status)


@needs_browser
def test_a_busy_service_was_told_as_a_fault_of_the_readers_connection(site: Site, chromium: Browser) -> None:
    """Two readers of large mails behind one address have no room at the same time (503); behind a proxy it is away."""
    site.send(french_mail(DOCTOR, PATIENT))
    with tab(chromium, expected=("503", "429", "502")) as page:
        page.goto(site.link())
        for status in (503, 429, 502):
            page.route("**/message", answering(status))
            page.fill("#code", site.code())
            page.click("#open")
            page.wait_for_selector("#problem:has-text('dans une minute')")
            page.unroute("**/message")
            page.fill("#code", "")
            page.keyboard.press("Enter")
            page.wait_for_selector("#problem:has-text('Saisissez')")
        page.fill("#code", site.code())
        page.click("#open")
        page.wait_for_selector("#reply:visible")
        page.route("**/answer", answering(503))
        page.fill("#answer", "Merci")
        page.click("#send")
        page.wait_for_selector("#answer-problem:has-text('dans quelques minutes')")
        assert page.input_value("#answer") == "Merci"


@needs_browser
def test_styles_that_do_not_end_stopped_the_readers_browser(site: Site, chromium: Browser) -> None:
    """An expression looked for the end behind each of them: a quotation of two megabytes took minutes."""
    html = f"<html><body><p>lisible</p>{'<style>' * 300_000}</body></html>"
    site.send(french_mail(DOCTOR, PATIENT, html))
    with tab(chromium, expected=("Content Security Policy",)) as page:
        open_mail(page, site.link(), site.code())
        assert page.frame_locator("#body iframe").locator("p").inner_text() == "lisible"


@needs_browser
@needs_axe
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_axe_finds_nothing_before_and_after_opening(site: Site, chromium: Browser, width: int, scheme: str) -> None:
    site.send(french_mail(DOCTOR, PATIENT))
    size = {"width": width, "height": 900}
    with tab(chromium, viewport=size, color_scheme=scheme, bypass_csp=True) as page:
        page.goto(site.link())
        assert violations(page) == []
        open_mail(page, site.link(), site.code())
        page.wait_for_selector("#attachments a")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@needs_browser
def test_a_wrong_code_opens_nothing_and_says_so(site: Site, chromium: Browser) -> None:
    site.send(french_mail(DOCTOR, PATIENT))
    with tab(chromium) as page:
        page.goto(site.link())
        for typed, told in (("", "Saisissez"), ("trop peu", "2"), (codes.new("fr"), "n\u2019ouvre pas")):
            page.fill("#code", typed)
            page.keyboard.press("Enter")
            page.wait_for_selector(f"#problem:has-text('{told}')")
        assert not page.is_visible("#letter")
        assert page.evaluate("document.activeElement.id") == "code"


def test_json_of_the_commands_that_change_a_pickup_was_no_such_option(site: Site) -> None:
    site.send(french_mail(DOCTOR, PATIENT))
    name = site.link().rpartition("/")[2]
    told = told_of(site, name)
    assert (told["recipient"], told["sender"], told["opened"], told["state"]) == (PATIENT, DOCTOR, None, "active")

    extended = json.loads(site.relay.run("pickup", "extend", name, "60d", "--json").stdout)
    assert extended["expires"] > told["expires"]
    assert extended == {**told, "expires": extended["expires"]}
    assert json.loads(site.relay.run("pickup", "resend", "--json", name).stdout) == extended
    assert json.loads(site.relay.run("pickup", "withdraw", name, "--json").stdout) == {**extended, "state": "withdrawn"}
    assert told_of(site, name)["state"] == "withdrawn"
    preset = json.loads(site.relay.run("pickup", "preset", "a@ville.example", "--valid", "1h", "--json").stdout)
    assert (preset["recipient"], len(preset["code"].split("-"))) == ("a@ville.example", 6)
    assert preset["expires"] < told["expires"]


def test_withdrawn_and_open_ones_looked_alike_in_the_list_of_all(site: Site) -> None:
    site.send(french_mail(DOCTOR, PATIENT))
    kept = site.link().rpartition("/")[2]
    site.send(french_mail(DOCTOR, PATIENT))
    gone = site.link().rpartition("/")[2]
    site.relay.run("pickup", "withdraw", gone)
    lines = [line.split("\t") for line in site.relay.run("pickup", "list", "--all").stdout.decode().splitlines()]
    states = {line[3]: line[-1] for line in lines}
    assert (states["id"], states[kept], states[gone]) == ("state", "active", "withdrawn")
    assert b"state" not in site.relay.run("pickup", "list").stdout.splitlines()[0]


@needs_browser
def test_after_it_is_withdrawn_the_page_says_that_it_is_gone(site: Site, chromium: Browser) -> None:
    site.send(french_mail(DOCTOR, PATIENT))
    link, code = site.link(), site.code()
    with tab(chromium, expected=("404",)) as page:
        page.goto(link)
        site.relay.run("pickup", "withdraw", link.rpartition("/")[2][:8])
        page.fill("#code", code)
        page.click("#open")
        page.wait_for_selector("#gone:visible")
        assert page.evaluate("document.activeElement.id") == "gone-title", "who does not see the page is told"
    assert site.web.ask(link.removeprefix(site.url) + "/message").status == 404


@needs_browser
def test_the_code_was_asked_for_before_the_page_said_that_the_mail_is_gone(site: Site, chromium: Browser) -> None:
    with tab(chromium, expected=("404",)) as page:
        page.goto(f"{site.url}/m/0123456789abcdef")
        page.wait_for_selector("#gone:visible")
        assert not page.is_visible("#code")


def test_gpg_opens_the_file_with_the_code(site: Site, tmp_path: Path) -> None:
    mail = french_mail(DOCTOR, PATIENT)
    site.send(mail)
    told = site.web.ask(site.link().removeprefix(site.url) + "/message")
    (tmp_path / "home").mkdir(mode=0o700)
    command = ["gpg", "--homedir", str(tmp_path / "home"), "--batch", "--pinentry-mode", "loopback"]
    read = subprocess.run(
        [*command, "--passphrase", site.code(), "--decrypt"], input=told.body, capture_output=True, check=True
    )
    fields, _, rest = read.stdout.partition(b"From:")
    assert b"From:" + rest == mail
    assert fields.startswith(b"X-Pickup-Token: ")


def test_a_token_from_inside_proves_that_it_was_opened_and_no_other_does(site: Site) -> None:
    site.send(french_mail(DOCTOR, PATIENT))
    place = site.link().removeprefix(site.url)
    form = {"Content_Type": "application/x-www-form-urlencoded"}

    wrong = site.web.ask(f"{place}/opened", "POST", b"proof=abc", **form)
    unknown = site.web.ask("/m/0123456789abcdef/opened", "POST", b"proof=abc", **form)
    scanned = [site.web.ask(path).status for path in (place, f"{place}/message", f"{place}/opened")]

    assert (wrong.status, unknown.status, scanned) == (403, 404, [200, 200, 405])
    assert site.web.ask(f"{place}/answer", "POST", b"x").status == 403
    assert json.loads(site.relay.run("pickup", "list", "--json").stdout)[0]["opened"] is None


SCANNERS = [
    ("GET", "", {}),
    ("HEAD", "", {}),
    ("GET", "/message", {"Purpose": "prefetch"}),
    ("GET", "/message", {"Range": "bytes=0-99"}),
    ("HEAD", "/message", {"User_Agent": "SafeLinks"}),
    ("GET", "?utm=1", {"Sec_Purpose": "prefetch;prerender"}),
    ("GET", "/opened", {}),
    ("POST", "/opened", {"Content_Type": "application/x-www-form-urlencoded"}),
    ("POST", "/opened", {"Content_Type": "application/x-www-form-urlencoded", "Origin": "https://evil.example"}),
    ("POST", "/answer", {"Content_Type": "application/octet-stream", "Origin": "https://evil.example"}),
    ("DELETE", "", {}),
    ("PUT", "/message", {}),
    ("OPTIONS", "/answer", {"Access_Control_Request_Method": "POST", "Origin": "https://evil.example"}),
]


def test_whatever_opens_links_and_presses_buttons_uses_nothing_up_and_proves_nothing(site: Site) -> None:
    site.send(french_mail(DOCTOR, PATIENT))
    place = site.link().removeprefix(site.url)
    told = [
        site.web.ask(f"{place}{path}", method, b"proof=" if method == "POST" else None, **fields)
        for method, path, fields in SCANNERS
    ]

    assert [one.status for one in told] == [200, 200, 200, 200, 200, 200, 405, 403, 403, 403, 405, 405, 405]
    assert not [one.fields for one in told if "access-control-allow-origin" in one.fields]
    assert json.loads(site.relay.run("pickup", "list", "--json").stdout)[0]["opened"] is None
    assert read_gnupg(site.web.ask(f"{place}/message").body, site.code())


def statuses(answers: bytes) -> list[int]:
    """Of answers in a row, the last one among them."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", answers)]


def test_a_flood_on_one_mail_does_not_keep_its_reader_out(site: Site) -> None:
    site.send(french_mail(DOCTOR, PATIENT))
    place = site.link().removeprefix(site.url)
    fields = f"HTTP/1.1\r\nHost: {site.url.removeprefix('http://')}\r\nX-Forwarded-For: 192.0.2.9\r\n"
    end = f"GET / {fields}Connection: close\r\n\r\n".encode()
    flood = site.web.raw(f"HEAD {place}/message {fields}\r\n".encode() * 400 + end)
    wrong = site.web.raw(f"POST {place}/opened {fields}Content-Length: 11\r\n\r\nproof=guess".encode() * 80 + end)
    assert {*statuses(flood)} == {200, 429, 404}
    assert {*statuses(wrong)} == {403, 429, 404}
    assert site.web.ask(f"{place}/message", X_Forwarded_For="198.51.100.7").status == 200


@pytest.mark.parametrize("name", ["worker.js", "openpgp/openpgp.min.mjs", "page.js", "page.css"])
def test_what_firefox_had_already_was_no_longer_allowed_to_run(site: Site, name: str) -> None:
    """It takes the fields of a 304 for those of the file, and the second worker could load nothing."""
    first = site.web.ask(f"/static/{name}")
    again = site.web.ask(f"/static/{name}", If_None_Match=first.fields["etag"])
    policy = "content-security-policy"

    assert (first.status, again.status) == (200, 304)
    assert again.fields[policy] == first.fields[policy]


def test_the_page_says_what_may_run_in_it(site: Site) -> None:
    told = site.web.ask(site.link().removeprefix(site.url))
    policy = told.fields["content-security-policy"]
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert told.fields["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in told.fields
    assert b"<script>" not in told.body
    assert b" style=" not in told.body
    assert site.web.ask("/m/0000").status == 404
    assert site.web.ask("/static/page.html").status == 404
    assert site.web.ask("/static/../static/page.js").status == 404


def test_a_code_given_beforehand_opens_the_next_mail_and_no_later_one(site: Site) -> None:
    preset = site.relay.run("pickup", "preset", "visite@ville.example").stdout.decode().strip()
    site.sink.forget()

    assert site.send(french_mail(DOCTOR, "visite@ville.example"), "visite@ville.example") == [250]
    assert not [mail for mail in site.sink.taken if DOCTOR in mail.recipients]
    assert site.send(french_mail(DOCTOR, "visite@ville.example"), "visite@ville.example") == [250]
    assert site.code() != preset


def test_the_code_does_not_leave_by_mail(site: Site) -> None:
    site.send(french_mail(DOCTOR, PATIENT))
    mail = f"From: {DOCTOR}\r\nTo: {PATIENT}\r\nSubject: le code\r\n\r\nVoici : {site.code()}\r\n".encode()
    site.sink.forget()
    assert site.send(mail) == [250]
    assert [*site.sink.taken[0].recipients] == [DOCTOR]
    first = next(site.letter(DOCTOR).iter_parts())
    assert isinstance(first, EmailMessage)
    assert "ne doit jamais être envoyé par courriel" in text(first).replace("\n", " ")


def test_while_the_service_is_away_the_mail_waits(site: Site) -> None:
    site.web.stop()
    site.sink.forget()
    try:
        assert site.send(french_mail(DOCTOR, PATIENT)) == [451]
        assert not site.sink.taken
    finally:
        site.web.start()
    assert site.send(french_mail(DOCTOR, PATIENT)) == [250]


@needs_root
def test_while_the_services_disk_is_full_the_mail_waits(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=2) as disk:
        database, channel = str(disk / "public.db"), {"channel": f"unix:{disk}/channel.sock"}
        with pickup_site({"web": channel}, web={"public_database": database}) as site:
            filler = fill(disk)
            assert site.send(french_mail(DOCTOR, PATIENT)) == [451]
            assert not site.sink.taken
            assert site.relay.trace("--to", PATIENT)[-1]["reply"].startswith("451")

            filler.unlink()
            assert site.send(french_mail(DOCTOR, PATIENT)) == [250]
            assert site.web.ask(site.link().removeprefix(site.url) + "/message").status == 200


def held_by(pid: int) -> bytes:
    """What stands in the files that a process has open, deleted ones too, or maps so that they can be shared."""
    maps = [line.split(maxsplit=5) for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    mapped = [Path(fields[5]) for fields in maps if fields[1].endswith("s") and len(fields) > 5]
    files = [one for one in (*mapped, *Path(f"/proc/{pid}/fd").iterdir()) if one.is_file()]
    assert any(one.name.endswith("-shm") for one in files)
    found = b""
    for one in files:
        with suppress(FileNotFoundError):  # closed meanwhile
            found += one.read_bytes()
    return found


def parts(code: str) -> list[str]:
    """Two words of it at a time, as they are typed: single ones stand in any log."""
    words = code.split("-")
    return [between.join(pair) for pair in pairwise(words) for between in "- "]


@pytest.mark.parametrize("count", [10, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_neither_code_nor_content_nor_people_are_in_the_public_services_files(site: Site, count: int) -> None:
    secrets, people = ["Glyc", "posologie", "PDF-1.4"], [DOCTOR, PATIENT, "Lefèvre", "martin"]
    before = len(site.mailbox.taken)
    for number in range(count):
        site.send(french_mail(DOCTOR, PATIENT))
        reader = Reader(site, f"203.0.113.{number}")
        mail = reader.read()
        reader.answer(mail, b"Content-Type: text/plain\r\n\r\nMerci, quelle posologie ?\r\n")
        secrets += parts(site.code())
    site.mailbox.wait_for(before + count)
    (stored,) = site.web.folder.rglob("public.db")
    with closing(sqlite3.connect(stored)) as database:
        database.execute("VACUUM INTO ?", [str(site.web.folder / f"backup{count}.db")])
    site.relay.run("backup", site.relay.folder / f"backup-{count}.tar")
    files = [file for file in site.web.folder.rglob("*") if file.is_file() and file.name != "config.yaml"]
    octets = b"".join(file.read_bytes() for file in files)
    everything = octets + held_by(site.web.pid)
    backup = (site.relay.folder / f"backup-{count}.tar").read_bytes()

    assert len(octets) > count * len(PDF)
    assert [word for word in secrets + people if word.encode() in everything] == []
    assert [word for word in secrets if word.encode() in backup] == []
    assert str(site.relay.folder) not in Path(f"/proc/{site.web.pid}/maps").read_text()


def test_from_outside_the_page_is_compared_with_what_it_should_be(site: Site) -> None:
    hashes = dict(line.split("  ")[::-1] for line in site.web.run("web", "hashes").stdout.decode().splitlines())
    served = {path: hashlib.sha256(site.web.ask(path).body).hexdigest() for path in hashes}
    rows = {row["name"]: row for row in json.loads(site.relay.run("check", "--json", check=False).stdout)}
    page = rows["page"]
    other = Path(site.relay.file.parent / "other.yaml")
    other.write_text(
        site.relay.file.read_text().replace("Le chat dort", "x").replace("pickup:", "pickup:\n  colour: '#000000'")
    )
    told = site.relay.run("-c", other, "check", "--json", check=False).stdout

    assert served == hashes
    assert page["ok"], page
    assert rows["pick-ups"]["message"].endswith("not read yet")
    assert [row["ok"] for row in json.loads(told) if row["name"] == "page"] == [False]


def test_check_says_why_no_mail_can_be_picked_up(tmp_path: Path) -> None:
    program = tmp_path / "sms"
    program.write_text("#!/bin/sh\n")
    url = {"url": "http://127.0.0.1:1"}
    for pickup, told in (({}, "needs own.domains"), ({"code": "hook", "hook": str(program)}, "chmod +x")):
        with Relay({"pickup": {**url, **pickup}, "web": {"public": "127.0.0.1:1"}}) as relay:
            rows = json.loads(relay.run("check", "--json", check=False).stdout)
        assert [told in row["message"] for row in rows if row["name"] == "pick-ups"] == [True]
