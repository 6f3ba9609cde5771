"""The files of pages that look like a letter: the style, the site's colour, an icon."""

from __future__ import annotations

from importlib.resources import files

from relay.web.pages import look
from relay.web.pickup.files import StaticFile

_CSS = "text/css; charset=utf-8"
_SHIPPED = {"letter.css": _CSS, "letter.svg": "image/svg+xml"}


def letter_files(colour: str) -> dict[str, StaticFile]:
    """The files, by their names below `/static/`; `colour` is the site's."""
    folder = files("relay.web.pages").joinpath("static")
    found = {name: StaticFile(folder.joinpath(name).read_bytes(), kind) for name, kind in _SHIPPED.items()}
    return {**found, "look.css": StaticFile(look.css(colour), _CSS)}
