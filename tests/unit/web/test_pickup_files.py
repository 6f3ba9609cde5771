"""The page's files: how large they are, what a site may change, and that they are what their makers published."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from relay.model.errors import ConfigError
from relay.web.pages.look import Colour, contrast
from relay.web.pickup.files import PAGE, SITE_STYLE, Appearance, load

ROOT = Path(__file__).resolve().parents[3]
LATER = re.compile(r"openpgp/(?!openpgp\.min)|licences|LICENSE")
"""Loaded with an answer, or never by the page itself."""
LOOKBEHIND = re.compile(r"\(\?<[=!]")
SITE = Appearance("Hôpital <Exemple> & fils", "#1f5fa8")


def test_the_page_is_under_200_kilobytes_over_the_wire() -> None:
    first = {name: len(file.packed) for name, file in load(SITE).items() if not LATER.search(name)}
    assert sum(first.values()) < 200_000 - 20_000  # the parts of openpgp.js that an answer needs
    assert first[PAGE] > 0


def test_every_file_that_a_file_asks_for_is_there() -> None:
    files = load(SITE)
    asked = set(re.findall(r'(?:src|href)="/static/([^"]+)"', files[PAGE].octets.decode()))
    for name, file in files.items():
        if name.endswith(("js", "mjs")):
            folder = name.rpartition("/")[0]
            found = re.findall(r"""(?:from|import)\s*\(?["']\./([\w./-]+\.m?js)["']""", file.octets.decode())
            asked |= {f"{folder}/{one}" if folder else one for one in found}
    assert asked - {"openpgp/unbzip2-stream.min.mjs"} <= files.keys()  # nothing here is compressed by bzip2
    assert len(asked) > 10


def test_a_lookbehind_left_the_page_blank_in_safari_before_16_4() -> None:
    """One in an expression that is never used is enough: the whole file is a syntax error there."""
    scripts = [file for file in (ROOT / "relay" / "web").rglob("*") if file.suffix in {".js", ".mjs"}]
    assert [file.name for file in scripts if LOOKBEHIND.search(file.read_text("utf-8"))] == []
    assert {"page.js", "openpgp.min.mjs", "purify.min.js", "htmx.min.js"} <= {file.name for file in scripts}


def test_nothing_on_the_page_is_inline_or_elsewhere() -> None:
    page = load(SITE)[PAGE].octets.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"\s(?:style|on[a-z]+)=", page) == []
    assert re.findall(r"https?://", page) == []
    assert "Hôpital &lt;Exemple&gt; &amp; fils" in page


def test_every_text_stands_in_both_languages() -> None:
    files = load(SITE)
    texts = files["texts.js"].octets.decode()
    french, english = (set(re.findall(r"^    (\w+):", part, re.MULTILINE)) for part in texts.split("  en: {"))
    used = set(re.findall(r'data-t="(\w+)"', files[PAGE].octets.decode()))
    used |= set(re.findall(r"\btexts\.(\w+)", files["page.js"].octets.decode())) - {"js"}
    assert french == english
    assert used <= french


@pytest.mark.parametrize("colour", ["#1f5fa8", "#ffffff", "#000000", "#ffcc00", "#777777", "#c2185b"])
def test_links_in_a_light_colour_of_the_site_could_not_be_read(colour: str) -> None:
    files = load(Appearance("x", colour))
    styles = [re.split("@media", files[name].octets.decode())[:2] for name in ("page.css", SITE_STYLE)]
    for page, site in zip(*styles, strict=True):  # light, then dark
        papers = dict(re.findall(r"--(paper|desk): (#\w{6})", page))
        inks = dict(re.findall(r"--(accent|on-accent): (#\w{6})", site))
        for paper in (papers["paper"], papers["desk"], inks["on-accent"]):
            assert contrast(_colour(inks["accent"]), _colour(paper)) >= 4.5, (inks, paper)


def _colour(text: str) -> Colour:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def test_a_logo_is_a_picture_of_bounded_size(tmp_path: Path) -> None:
    good, bad, large = tmp_path / "a.svg", tmp_path / "a.html", tmp_path / "b.png"
    good.write_text("<svg/>")
    bad.write_text("<script>")
    large.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100_000))
    assert load(Appearance("x", "#000000", good))["logo.svg"].content_type == "image/svg+xml"
    for file in (bad, large, tmp_path / "nowhere.png"):
        with pytest.raises(ConfigError):
            load(Appearance("x", "#000000", file))


def test_the_libraries_are_as_they_were_published() -> None:
    done = subprocess.run([sys.executable, ROOT / ".ci" / "vendor", "--check"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
