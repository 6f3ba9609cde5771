"""The console's pages, made from templates."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

from relay.model import fingerprint_words
from relay.model.console import Person
from relay.web.console import charts, fingerprint_picture
from relay.web.console.reasons import reason
from relay.web.console.texts import TEXTS
from relay.web.http.messages import HTML, Answer
from relay.web.pages import dates
from relay.web.pages.environment import Environment, Filter, build_environment
from relay.web.pages.languages import LANGUAGES
from relay.web.pages.line_breaks import breakable

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SCRIPTED = frozenset({"enrol", "passkey", "keys"})
"""Templates with a script: ours uses the authenticator, htmx searches keys while a person types."""
WITH_SCRIPT = f"{POLICY}; script-src 'self'; connect-src 'self'"
_COMMAND = re.compile(r"`([^`]+)`")
_FINGERPRINT = re.compile(r"\b(?:[0-9A-F]{64}|[0-9A-F]{40})\b")
MENU = (
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
"""Name, path, and the act that a page shows: who may not do it does not see it there."""


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
    asked: Mapping[str, str] = field(default_factory=dict)
    """The fields of the query: the page in another language is of the same."""

    def page(self, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> Answer:  # noqa: ANN401  as Jinja takes it
        """The page as an answer."""
        words = TEXTS[self.language]
        other = next(each for each in LANGUAGES if each != self.language)
        html = (
            _environment(self.language)
            .get_template(f"{template}.html")
            .render(
                **values,
                t=words,
                language=self.language,
                other=other,
                switch="?" + urlencode({**self.asked, "lang": other}),
                path=self.path,
                person=self.person,
                csrf=self.csrf,
                zone=zone(),
                ways=self.ways,
                menu=[(name, path) for name, path, act in MENU if self.person and self.person.may(act)],
            )
        )
        policy = WITH_SCRIPT if template in SCRIPTED else POLICY
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin"}  # forms carry their Origin
        return Answer(status, html.encode(), HTML, headers)


def may_open(person: Person, path: str) -> bool:
    """Whether the role opens the page with this path."""
    return any(person.may(act) for _, place, act in MENU if place == path)


def moment(seconds: float | None, language: str) -> Markup:
    """Local time, with UTC where one points at it."""
    if seconds is None:
        return Markup("")
    there = datetime.fromtimestamp(seconds, UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        there.isoformat(timespec="seconds"),
        dates.moment(there, language, "%H:%M:%S"),
        dates.moment(there.astimezone(), language),
    )


def zone() -> str:
    """The names of the server's time zone: one, or those of winter and summer."""
    return "/".join(dict.fromkeys(time.tzname))


def fingerprint(text: str) -> str:
    """The fingerprint in groups of four, as people compare it."""
    return " ".join(fingerprint_words.groups(text))


def shortened(text: str) -> str:
    """The text, with the last 16 digits of each fingerprint in it: a column of a table holds these."""
    return _FINGERPRINT.sub(lambda found: found[0][-16:], text)


def commands(text: str) -> Markup:
    """The text, with what stands between backticks as a command."""
    return Markup(_COMMAND.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  escaped


def size(octets: int, language: str) -> str:
    """A size in words, rounded up."""
    unit = "o" if language == "fr" else "B"
    if octets < 1 << 20:
        return f"{math.ceil(octets / 1024)}\xa0Ki{unit}"
    return f"{decimal(octets / (1 << 20), language)}\xa0Mi{unit}"


def decimal(number: float, language: str) -> str:
    """A number with one decimal place."""
    return f"{number:.1f}".replace(".", "," if language == "fr" else ".")


def words(fingerprint: str, language: str) -> list[str]:
    """The fingerprint in words of the visitor's language, four at a time, as people read them out."""
    spoken = " ".join(fingerprint_words.words(fingerprint, "fr" if language == "fr" else "en")).split()
    return [" ".join(spoken[at : at + 4]) for at in range(0, len(spoken), 4)]


def drawn(fingerprint: str) -> Markup:
    """The fingerprint as a picture."""
    return Markup(fingerprint_picture.picture(fingerprint))  # noqa: S704  made of numbers


@cache
def _environment(language: str) -> Environment:
    filters: dict[str, Filter] = {
        "breakable": breakable,
        "moment": partial(moment, language=language),
        "reason": partial(reason, language=language),
        "words": partial(words, language=language),
        "size": partial(size, language=language),
        "decimal": partial(decimal, language=language),
        "fingerprint": fingerprint,
        "shortened": shortened,
        "commands": commands,
        "drawn": drawn,
        "ordered": charts.ordered,
    }
    return build_environment("relay.web.console", filters)


def static(name: str) -> bytes:
    """A file of the folder `static`."""
    return files("relay.web.console").joinpath("static", name).read_bytes()
