"""The files of the page, as they are served: read once, compressed once, and named in one list.

What a site may change is its name, logo and colour; `licences.txt` says whose software the page uses. Raises
`ConfigError` for a logo that is none.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from relay.model.errors import ConfigError, Fault
from relay.web.pages import look

PAGE = "page.html"
SITE_STYLE = "site.css"
MOST_LOGO = 100_000

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_LOGOS = {".svg": b"<", ".png": b"\x89PNG\r\n\x1a\n"}
_NO_ICON = "data:,"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file of the pick-up page, as it is served."""

    octets: bytes
    content_type: str
    packed: bytes = field(init=False)
    """Its octets, by gzip."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "packed", gzip.compress(self.octets, 9, mtime=0))

    @property
    def digest(self) -> str:
        """The SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.octets).hexdigest()


@dataclass(frozen=True, slots=True)
class Appearance:
    """What a site says of itself on the page."""

    organisation: str
    colour: str
    """`#1f5fa8`."""
    logo: Path | None = None


def load(appearance: Appearance) -> dict[str, StaticFile]:
    """Each by its path below `/static/`, and the page as `PAGE`."""
    found = dict(_shipped())
    found[SITE_STYLE] = StaticFile(look.css(appearance.colour), _TYPES[".css"])
    name = ""
    if appearance.logo:
        name = f"logo{appearance.logo.suffix.lower()}"
        found[name] = _logo(appearance.logo)
    found[PAGE] = StaticFile(_page(found[PAGE].octets.decode(), appearance.organisation, name), _TYPES[".html"])
    return found


def _shipped() -> Iterator[tuple[str, StaticFile]]:
    waiting: list[tuple[str, Traversable]] = [("", resources.files("relay.web.pickup") / "static")]
    while waiting:
        path, place = waiting.pop()
        for one in place.iterdir():
            name = f"{path}{one.name}"
            if one.is_dir():
                waiting.append((f"{name}/", one))
            elif kind := _TYPES.get(Path(name).suffix):
                yield name, StaticFile(one.read_bytes(), kind)


def _page(template: str, organisation: str, logo: str) -> bytes:
    values = {
        "organisation": html.escape(organisation),
        "logo": f'<img src="/static/{logo}" alt="">' if logo else "",
        "icon": f"/static/{logo}" if logo else _NO_ICON,
    }
    return string.Template(template).substitute(values).encode()


def _logo(file: Path) -> StaticFile:
    try:
        with file.open("rb") as opened:
            octets = opened.read(MOST_LOGO + 1)
    except OSError as error:
        raise ConfigError((Fault("pickup.logo", 0, f"{file} cannot be read"),)) from error
    begins = _LOGOS.get(file.suffix.lower())
    if begins is None or len(octets) > MOST_LOGO or not octets.lstrip().startswith(begins):
        raise ConfigError((Fault("pickup.logo", 0, f"{file} is no SVG or PNG of at most {MOST_LOGO} octets"),))
    return StaticFile(octets, _TYPES[file.suffix.lower()])
