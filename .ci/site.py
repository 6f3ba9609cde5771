"""MkDocs' hook: the site is docs/ and the pages at the top of the repository, and a new page needs no line anywhere.

Links are written as they work in the repository. Here one to a page at the top becomes one to its place in the site,
and one to another file of the repository becomes its bare text; one to nothing stays, and `--strict` refuses it.
"""
# ruff: noqa: INP001  MkDocs loads it by its path

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
TOP = {
    "README.md": "index.md",
    "README.fr.md": "fr/index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "keyring/README.md": "keyring.md",
}
FIRST = [
    *("index", "installation", "transcript", "postfix", "configuration", "policies", "commands", "screens", "keys"),
    *("directories", "holding", "zeyple", "operations", "monitoring", "troubleshooting", "failures", "performance"),
    *("fr/index", "fr/cliniciens", "security", "threat-model", "architecture", "keyring"),
    *("contributing", "changelog"),
]

_LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The pages in their order; one that is not named in it comes last."""
    docs = Path(config.docs_dir)
    pages = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")} | set(_top())
    known = [f"{name}.md" for name in FIRST if f"{name}.md" in pages]
    config.nav = [*known, *sorted(pages - set(known))]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages that do not lie in docs/."""
    for place, source in _top().items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Its links, from the repository's way to the site's."""
    here = _top().get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def link(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        file = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        place = TOP.get(file) or (file.removeprefix("docs/") if file.startswith("docs/") else "")
        if place:
            return f"[{text}]({posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or '.')}{anchor})"
        return text if (ROOT / file).exists() else found[0]

    return _LINK.sub(link, markdown)


def _top() -> dict[str, str]:
    """Those that are there, and have no namesake in docs/."""
    return {
        place: source
        for source, place in TOP.items()
        if (ROOT / source).exists() and not (ROOT / "docs" / place).exists()
    }
