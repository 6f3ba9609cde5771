"""The words of a notice as a site may write them: `string.Template`, the first line the subject, the rest the text.

A template that cannot be filled is never made: `Template` raises `TemplateError`, which says what is wrong and on
which line.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from relay.model.errors import RelayError

MOST = 20_000
"""Characters of a template; a notice is read by a person."""


class Kind(StrEnum):
    """What a notice is about; also the name of its template."""

    REFUSED = "refused"
    HELD = "held"
    UNDELIVERED = "undelivered"
    RETURNED = "returned"
    """Incoming mail that was decrypted came back."""


class TemplateError(RelayError):
    """The template cannot be filled; the text says why, `line` where (0: nowhere in particular)."""

    def __init__(self, sentence: str, line: int = 0) -> None:
        super().__init__(sentence)
        self.line = line


@dataclass(frozen=True, slots=True)
class Template:
    """The words of one kind of notice."""

    text: str

    VARIABLES = frozenset({"to", "because", "recipients", "contact", "until", "sent", "date", "id", "hostname"})
    NEEDED = frozenset({"recipients"})
    """Without these a notice would not say to whom the mail was not sent."""

    def __post_init__(self) -> None:
        if len(self.text) > MOST:
            raise TemplateError(f"longer than {MOST} characters")
        for fault in _faults(self.text):
            raise fault

    def filled(self, values: Mapping[str, str]) -> tuple[str, str]:
        """Return subject and text with values for names. Raises `KeyError` for a name without a value."""
        subject, _, text = self.text.partition("\n")
        return subject.strip(), string.Template(text.strip("\r\n")).substitute(values) + "\n"


@dataclass(frozen=True, slots=True)
class Wording:
    """The template of one kind of notice, for one recipient and for several."""

    one: Template
    several: Template

    def template(self, recipients: int) -> Template:
        """The one for so many recipients."""
        return self.several if recipients > 1 else self.one


def _faults(text: str) -> Iterator[TemplateError]:
    subject, _, body = text.partition("\n")
    if not subject.strip() or "$" in subject or not subject.strip().isprintable():
        yield TemplateError("the first line is the subject: words, without variables", 1)
    named = set()
    for found in string.Template.pattern.finditer(body):
        line = body.count("\n", 0, found.start()) + 2
        name = found["named"] or found["braced"]
        if found["invalid"] is not None:
            yield TemplateError("a $ stands alone: write $$ for a dollar sign", line)
        elif name and name not in Template.VARIABLES:
            known = ", ".join(sorted(Template.VARIABLES))
            yield TemplateError(f"unknown variable ${name}; known are {known}", line)
        named.add(name)
    for missing in sorted(Template.NEEDED - named):
        yield TemplateError(f"the variable ${missing} is missing: it says to whom the mail was not sent")
