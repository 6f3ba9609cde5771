"""Renders pages from templates with texts in two languages. What a visitor or a key says is escaped, always.

Texts are TOML files, one a language, with the same keys in each. A text may hold `{name}`, which is filled with escaped
values. A missing text or value is an error of ours and raises `jinja2.UndefinedError` or `KeyError`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from relay.web.http.messages import HTML, Answer, Request
from relay.web.pages.dates import day
from relay.web.pages.environment import build_environment
from relay.web.pages.languages import LANGUAGES, chosen
from relay.web.pages.line_breaks import breakable

CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose letter the page is."""

    name: str
    """Of the organisation."""
    logo: str = ""
    """Where it is; empty: there is none."""
    contact: str = ""
    """Whom to ask."""


class Texts:
    """The texts of a page in one language."""

    def __init__(self, language: str, texts: Mapping[str, Any]) -> None:
        self.language = language
        self._texts = texts

    def __call__(self, key: str, **values: object) -> Markup:
        """The text of `section.name`, which is HTML of ours, with these values."""
        found: Any = self._texts
        for step in key.split("."):
            found = found[step]
        return Markup(str(found)).format(**values)  # noqa: S704  our own text; values are escaped

    def date(self, at: datetime) -> str:
        """A day, as people write it."""
        return day(at, self.language)


class Pages:
    """`page` renders one template of a package in the language of a request."""

    def __init__(self, package: str, sender: Sender) -> None:
        self._package = package
        self._sender = sender
        self._environment = build_environment("relay.web.pages", {"breakable": breakable})

    def page(self, request: Request, template: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Answer:
        """The page; `values` are what its template names."""
        texts = self.texts(request)
        others = [(language, f"{request.path}?lang={language}") for language in LANGUAGES if language != texts.language]
        body = self._environment.get_template(template).render(
            t=texts, sender=self._sender, others=others, language=texts.language, **values
        )
        headers = {
            "Content-Security-Policy": CSP,
            "Content-Language": texts.language,
            "Vary": "Accept-Language",
        }
        return Answer(status, body.encode(), HTML, headers)

    def texts(self, request: Request) -> Texts:
        """The texts in the language of this request."""
        switch = request.query.removeprefix("lang=") if request.query.startswith("lang=") else ""
        language = chosen(switch, request.headers.get("Accept-Language", ""))
        return Texts(language, _texts(self._package, language))


@cache
def _texts(package: str, language: str) -> Mapping[str, Any]:
    return tomllib.loads(files(package).joinpath("texts", f"{language}.toml").read_text("utf-8"))
