"""Large mails on the pick-up page: files apart, nothing shown before all is sound, ready while the code is typed."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab.browser import browser, needs_browser, tab
from lab.browser_memory import Pages
from lab.french_mail import HTML, SUBJECT, TEXT, french_mail, png
from lab.pickup_reader import open_mail
from lab.pickup_site import DOCTOR, PATIENT, Site, pickup_site

from relay.web import pickup

if TYPE_CHECKING:  # only tests with a browser have it
    from playwright.sync_api import Browser, Page, Route

FILE = bytes(range(251)) * 6_000 + b"%%EOF"
"""1.5 MB; its base64 ends with padding."""
PICTURE = png(1400, 400) + bytes(300_000)
"""What stands behind the last chunk of a PNG is not shown."""
STATIC = Path(pickup.__file__).parent / "static"
IMPORTED = re.compile(r"""\bfrom ?["']\./([\w./-]+)["']""")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Sequoia encrypts a session key with the code, where GnuPG encrypts the mail with it (`test_pickup.py`)."""
    with pickup_site({"engine": "sequoia", "max_message_size": "40MB"}) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


def large_mail(*files: bytes, text: str = TEXT) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = DOCTOR, PATIENT, SUBJECT
    mail.set_content(text)
    mail.add_alternative(HTML, subtype="html")
    mail.get_payload()[1].add_related(PICTURE, "image", "png", cid="<courbe>")  # type: ignore[index, union-attr]  # it is multipart
    for number, file in enumerate(files):
        mail.add_attachment(file, maintype="application", subtype="pdf", filename=f"{number}.pdf")
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def saved(page: Page, link: str, folder: Path) -> bytes:
    with page.expect_download() as download:
        page.click(link)
    download.value.save_as(folder / "saved")
    return (folder / "saved").read_bytes()


@needs_browser
def test_large_files_and_pictures_are_what_was_sent(site: Site, chromium: Browser, tmp_path: Path) -> None:
    files = FILE, FILE[::-1], b"small"
    mail = large_mail(*files)
    assert site.send(mail) == [250]
    with tab(chromium) as page:
        open_mail(page, site.link(), site.code())
        image = page.frame_locator("#body iframe").locator("img")

        assert image.evaluate("one => one.decode().then(() => one.naturalWidth)") == 1400
        assert page.locator("#attachments .size").all_inner_texts() == ["1,5\u00a0Mo", "1,5\u00a0Mo", "5\u00a0o"]
        for number, file in enumerate(files):
            assert saved(page, f"#attachments a[download='{number}.pdf']", tmp_path) == file
        assert saved(page, "#eml[href]", tmp_path) == mail


@needs_browser
def test_a_long_run_of_base64_that_is_no_file_is_read_as_what_it_is(
    site: Site, chromium: Browser, tmp_path: Path
) -> None:
    run = base64.encodebytes(FILE[:300_000]).decode()
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = DOCTOR, PATIENT, SUBJECT
    mail.set_content(f"Avant :\n{run}Fin\n", cte="7bit")
    mail.add_attachment(FILE, maintype="application", subtype="pdf", filename="a.pdf")
    assert site.send(mail.as_bytes().replace(b"\n", b"\r\n")) == [250]
    with tab(chromium) as page:
        open_mail(page, site.link(), site.code())
        shown = page.inner_text("#body").replace("\r", "")

        assert run in shown
        assert saved(page, "#attachments a", tmp_path) == FILE


def flipped(at: int) -> Callable[[bytes], bytes]:
    def change(octets: bytes) -> bytes:
        changed = bytearray(octets)
        changed[at] ^= 1
        return bytes(changed)

    return change


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "in the middle": flipped(1_000_000),
    "in the digest": flipped(-1),
    "cut off": lambda octets: octets[:1_500_000],
    "continued": lambda octets: octets + b"\xd2\x01\x01",
}


@needs_browser
@pytest.mark.parametrize("how", DAMAGED)
def test_of_a_large_mail_that_was_altered_nothing_is_shown(site: Site, chromium: Browser, how: str) -> None:
    site.send(large_mail(FILE))
    link, code = site.link(), site.code()
    octets = site.web.ask(link.removeprefix(site.url) + "/message").body

    def altered(request: Route) -> None:
        request.fulfill(body=DAMAGED[how](octets), content_type="application/octet-stream")

    with tab(chromium) as page:
        page.goto(link)
        page.route("**/message", altered)
        page.fill("#code", code)
        page.click("#open")
        page.wait_for_selector("#problem:not(:empty)")
        assert page.is_hidden("#letter")
        assert page.locator("#body *").count() == 0
        assert "opened" not in " ".join(page.asked)


def needed_to_open() -> set[str]:
    """The worker's files, with all that they import at once."""
    names, following = set[str](), [STATIC / name for name in ("worker.js", "opening.js", "reading.js")]
    while following:
        file = following.pop()
        if file.name not in names:
            names.add(file.name)
            following += [file.parent / found for found in IMPORTED.findall(file.read_text("utf-8"))]
    return names


@needs_browser
def test_what_opening_needs_is_loaded_while_the_code_is_typed(site: Site, chromium: Browser) -> None:
    site.send(french_mail(DOCTOR, PATIENT))
    with tab(chromium) as page:
        page.goto(site.link())
        assert not [
            url for url in page.asked if url.endswith(("/message", "worker.js"))
        ]  # nobody types: a scanner, say
        with ExitStack() as all_of_them:
            for name in ("message", *needed_to_open()):
                all_of_them.enter_context(page.expect_response(f"**/{name}"))
            page.locator("#code").press_sequentially(site.code()[:1])
        before = len(page.asked)
        page.fill("#code", site.code())
        page.click("#open")
        page.wait_for_selector("#letter:visible")
        page.wait_for_selector("#attachments a")
        later = [url.removeprefix(site.url) for url in page.asked[before:] if url.startswith("http")]
        assert {url.rpartition("/")[2] for url in later} <= {"mail.css", "opened"}


@needs_browser
def test_a_mail_of_ten_megabytes_whose_code_is_hashed_in_pieces_opens_after_a_wrong_one(
    site: Site, chromium: Browser, tmp_path: Path
) -> None:
    file = FILE * 5
    assert site.send(large_mail(file)) == [250]
    with tab(chromium) as page:
        page.goto(site.link())
        page.fill("#code", "moulin-tomate-girafe-orange-violon-sapin")
        page.click("#open")
        page.wait_for_selector("#problem:not(:empty)")
        page.fill("#code", site.code())
        page.click("#open")
        page.wait_for_selector("#attachments a")
        assert saved(page, "#attachments a", tmp_path) == file


@needs_browser
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_mail_of_30_megabytes_took_320_megabytes_of_the_browser(site: Site, chromium: Browser) -> None:
    """With the program's code, 130 MB, which is shared. What was hashed, and the browser's copy of it, took 130 MB."""
    mail = large_mail(bytes(range(256)) * 86_000)
    assert 30e6 < len(mail) < 30 << 20
    assert site.send(mail) == [250]
    with tab(chromium) as page:
        page.goto(site.link())
        pages = Pages(chromium)
        pages.start()
        try:
            page.fill("#code", site.code())
            page.click("#open")
            page.wait_for_selector("#attachments a", timeout=120_000)
        finally:
            pages.stop()
        resident, own = pages.most
        assert 150e6 < resident < 300e6
        assert 40e6 < own < 160e6
