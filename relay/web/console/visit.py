"""One request by a person who is logged in, and how its page asks the relay for data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from relay.model.console import Person
from relay.web.console.forms import query_of
from relay.web.console.relay_link import ActRefused, RelayLink, SecondPersonAwaited
from relay.web.console.view import View
from relay.web.http.messages import Answer, Request

LONGEST = 300
"""The most characters of a field of a search."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What sending a form led to, for the page that the form is on."""

    status: HTTPStatus = HTTPStatus.OK
    fault: str = ""
    """The sentence that says why it was refused; empty: it was not."""
    waits: str = ""
    """The sentence that says what was recorded and waits for a second person; empty: nothing."""
    typed: Mapping[str, str] = field(default_factory=dict)
    """The fields of a form that was refused, which shows them again."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request by a person whose role may open the page."""

    request: Request
    view: View
    person: Person
    link: RelayLink
    outcome: Outcome = Outcome()

    def asked(self, name: str) -> str:
        """A field of the query, cut to the longest text that pages take; empty where it is missing."""
        return query_of(self.request).get(name, "")[:LONGEST]

    async def ask(self, act: str, **arguments: str) -> dict[str, Any]:
        """Return the result of an act. Raises `ActRefused` with a sentence, and `LinkError`."""
        return await self.link.ask(self.person, act, arguments)

    async def attempt(self, act: str, arguments: Mapping[str, str], otherwise: Any) -> tuple[Any, str]:  # noqa: ANN401  JSON
        """Return the result of an act and an empty text, or else the sentence that says why it was refused."""
        try:
            return await self.link.ask(self.person, act, arguments), ""
        except ActRefused as refused:
            return otherwise, str(refused)

    async def sent(self, act: str, form: Mapping[str, str], refused: HTTPStatus) -> Outcome | None:
        """Do an act with the fields of a form. Returns None where it was done; `refused` is the status where not."""
        try:
            await self.link.ask(self.person, act, form)
        except SecondPersonAwaited as awaited:
            return Outcome(HTTPStatus.ACCEPTED, waits=str(awaited))
        except ActRefused as error:
            return Outcome(refused, str(error), typed={**form, "act": act})
        return None

    def page(self, template: str, status: HTTPStatus | None = None, **values: Any) -> Answer:  # noqa: ANN401  as Jinja takes it
        """Render the page, with a message about what was just done."""
        told = {"done": self.asked("done"), "fault": self.outcome.fault, "waits": self.outcome.waits}
        return self.view.page(template, status or self.outcome.status, **{**told, **values})
