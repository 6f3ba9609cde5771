"""Pages made from templates (Jinja2, every value escaped). The one place of Jinja2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from relay.model import fingerprint_words
from relay.model.console import Person
from relay.web.console import fingerprint_picture
from relay.web.console.reasons import reason
from relay.web.console.texts import TEXTS
from relay.web.http.messages import HTML, Answer
from relay.web.pages.languages import LANGUAGES

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SCRIPTED = frozenset({"enrol", "passkey", "keys"})
"""Templates with a script: ours speaks to the authenticator, htmx asks for keys as one types."""
WITH_SCRIPT = f"{POLICY}; script-src 'self'; connect-src 'self'"
PAGES = (
    ("today", "/", "figures"),
    ("messages", "/messages", "messages"),
    ("held", "/held", "held"),
    ("keys", "/keys", "keys"),
    ("proposals", "/proposals", "proposals"),
    ("bindings", "/bindings", "bindings"),
    ("explain", "/explain", "explain"),
    ("policy", "/policy", "policy"),
    ("sources", "/sources", "sources"),
    ("audit", "/audit", "changes"),
    ("users", "/users", "users"),
)
"""Name, path, and the act that a page shows: who may not do it does not get the page."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways to log in that the page offers."""

    local: bool = True
    oidc: bool = False
    ldap: bool = False
    passkeys: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What every page shows: for whom, in which language."""

    language: str
    path: str
    person: Person | None = None
    csrf: str = ""
    ways: Ways = Ways()

    def page(self, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> Answer:  # noqa: ANN401  as Jinja takes it
        """The page as an answer."""
        words = TEXTS[self.language]
        html = (
            _environment()
            .get_template(f"{template}.html")
            .render(
                **values,
                t=words,
                language=self.language,
                other=next(each for each in LANGUAGES if each != self.language),
                path=self.path,
                person=self.person,
                csrf=self.csrf,
                ways=self.ways,
                menu=[(name, path) for name, path, act in PAGES if self.person and self.person.may(act)],
            )
        )
        policy = WITH_SCRIPT if template in SCRIPTED else POLICY
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin"}  # forms carry their Origin
        return Answer(status, html.encode(), HTML, headers)


def may_open(person: Person, path: str) -> bool:
    """Whether the role opens the page with this path."""
    return any(person.may(act) for _, place, act in PAGES if place == path)


def moment(seconds: float | None) -> Markup:
    """Local time, with UTC where one points at it."""
    if seconds is None:
        return Markup("")
    there = datetime.fromtimestamp(seconds, UTC)
    local = there.astimezone()
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        there.isoformat(timespec="seconds"), f"{there:%Y-%m-%d %H:%M:%S}", f"{local:%Y-%m-%d %H:%M}"
    )


def fingerprint(text: str) -> str:
    """The fingerprint in groups of four, as people compare it."""
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def size(octets: int) -> str:
    """A size in words, rounded up."""
    return f"{math.ceil(octets / 1024)}\xa0KiB" if octets < 1 << 20 else f"{octets / (1 << 20):.1f}\xa0MiB"


def words(fingerprint: str, language: str) -> list[str]:
    """The fingerprint in lines of words of the visitor's language."""
    return fingerprint_words.words(fingerprint, "fr" if language == "fr" else "en")


def drawn(fingerprint: str) -> Markup:
    """The fingerprint as a picture."""
    return Markup(fingerprint_picture.picture(fingerprint))  # noqa: S704  made of numbers


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("relay.web.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = {"moment": moment, "fingerprint": fingerprint, "size": size, "words": words, "drawn": drawn}
    made.filters |= {**shown, "reason": reason}
    return made


def static(name: str) -> bytes:
    """A file of the folder `static`."""
    source = PackageLoader("relay.web.console", "static").get_source(_environment(), name)[0]
    return source.encode()
