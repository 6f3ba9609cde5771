"""MkDocs' hook: pages from outside docs/, their links, drawings, and the language of the French pages.

Links are written as they work in the repository. Here a link to a page outside docs/ becomes one to its place in the
site, and a link to a file that is no page becomes its text. A link to nothing stays, and `--strict` refuses it.
"""
# ruff: noqa: INP001  MkDocs loads it by its path

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {
    "README.fr.md": "fr/index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "keyring/README.md": "keyring.md",
    "examples/compose/README.md": "compose.md",
    "examples/cluster/README.md": "cluster.md",
    "examples/kubernetes/README.md": "kubernetes.md",
}
"""Pages outside docs/, and their place in the site."""

PLACES = OUTSIDE | {"README.md": "index.md"}
"""What links to them lead to; the site's front page is docs/index.md."""

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]\n]*)\]\((?P<target>[^)\s:#]+)(?P<anchor>#[^)\s]*)?\)")
_TEST = re.compile(r"`(tests/[\w/]+\.py::test_(\w+))`")
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_PICTURE = re.compile(r'<img (?=[^>]*alt="(?P<alt>[^"]*)")[^>]*src="[^"]*pictures/(?P<name>[\w-]+)\.svg"[^>]*>')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in docs/."""
    for source, place in OUTSIDE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn the page's links from the repository's way to the site's, and names of tests into the sentences they are."""
    sources = {place: source for source, place in OUTSIDE.items()}
    here = sources.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def link(found: re.Match[str]) -> str:
        file = posixpath.normpath(posixpath.join(posixpath.dirname(here), found["target"]))
        place = PLACES.get(file) or (file.removeprefix("docs/") if file.startswith("docs/") else "")
        if place:
            way = posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or ".")
            return f"{found['image']}[{found['text']}]({way}{found['anchor'] or ''})"
        return found["text"] if (ROOT / file).exists() else found[0]

    sentences = _TEST.sub(_sentence, _LINK.sub(link, markdown))
    return sentences.replace('</span>, <span class="test"', '</span><span class="test"')


def on_page_content(content: str, **_: object) -> str:
    """Put drawings into the page itself, where they take its colours; name each cell's column, for narrow screens."""
    return _TABLE.sub(_labelled, _PICTURE.sub(_drawing, content))


def on_page_context(context: dict[str, object], page: Page, config: MkDocsConfig, **_: object) -> dict[str, object]:
    """Set the language of the theme's own words: French below fr/."""
    config.theme["language"] = "fr" if page.file.src_uri.startswith("fr/") else "en"
    return context


def _labelled(found: re.Match[str]) -> str:
    names = [re.sub(r"<[^>]*>", "", name) for name in re.findall(r"<th[^>]*>(.*?)</th>", found[0])]
    rows = iter(found[0].split("<tr>"))
    return "<tr>".join([next(rows), *(_labelled_row(row, names) for row in rows)])


def _labelled_row(row: str, names: list[str]) -> str:
    labels = iter(names)
    return re.sub(r"<td(?=[ >])", lambda _: f'<td data-label="{next(labels, "")}"', row)


def _sentence(found: re.Match[str]) -> str:
    return f'<span class="test" title="{found[1]}">{found[2].replace("_", " ")}</span>'


def _drawing(found: re.Match[str]) -> str:
    parts = [("tall", f"{found['name']}-tall.svg"), ("wide", f"{found['name']}.svg")]
    texts = [
        (kind, (ROOT / "docs" / "pictures" / name).read_text(encoding="utf-8"))
        for kind, name in parts
        if (ROOT / "docs" / "pictures" / name).exists()
    ]
    inside = "".join(text.replace('class="drawing', f'class="drawing {kind}', 1) for kind, text in texts)
    label = html.escape(html.unescape(found["alt"]))
    return f'<figure class="drawing {found["name"]}" aria-label="{label}">{inside}</figure>'
