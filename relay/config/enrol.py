"""The section `enrol`: how correspondents give us their keys."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from relay.config.base import Contradiction, Section, setting
from relay.config.pickup import PageUrl
from relay.config.values import AsciiAddress

Many = Annotated[int, Field(ge=0, le=1_000_000)]


class EnrolBudget(Section):
    """How many challenges may be mailed in a day, since strangers can make us send them."""

    address: Many = setting(3, "To one address.")
    domain: Many = setting(50, "To one domain.")
    all: Many = setting(500, "To everybody.")


class EnrolJudged(Section):
    """How many mailed keys each worker process examines in an hour; others go on to the mailbox."""

    address: Many = setting(12, "Of one address. Each retry of a mail whose challenge cannot be sent counts too.")
    domain: Many = setting(60, "Of one domain.")
    all: Many = setting(600, "In all.")


class EnrolKeys(Section):
    """Keys that correspondents send in themselves."""

    mail: AsciiAddress | None = setting(
        None,
        "Where correspondents mail their keys: `cles@hopital.example`, an address of ours whose mail comes "
        "through `inbound`; null: off.",
    )
    web: PageUrl | None = setting(
        None, "The public address of `web public`, such as `https://cles.hopital.example`: its page /keys; null: off."
    )
    invite: bool = setting(
        default=False,
        why="The recipient of a held mail is asked to send in a key, on that page or by mail: at most once a week.",
    )
    budget: EnrolBudget = setting({}, "How many challenges may be mailed in a day.")
    judged: EnrolJudged = setting({}, "How many mailed keys each worker process examines in an hour.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.invite and self.web is None and self.mail is None:
            raise Contradiction(
                "invite", "there is no way to give a key: give enrol.web or enrol.mail, or take invite out"
            )
        return self

    @property
    def host(self) -> str:
        """The name of that page's machine; empty: there is none."""
        return urlsplit(self.web or "").hostname or ""
