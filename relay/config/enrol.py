"""The section `enrol`: how correspondents give us their keys."""

from __future__ import annotations

from urllib.parse import urlsplit

from relay.config.base import Section, setting
from relay.config.pickup import PageUrl


class EnrolKeys(Section):
    """Keys that correspondents send in themselves."""

    web: PageUrl | None = setting(
        None, "The public address of `web public`, such as `https://cles.hopital.example`: its page /keys; null: off."
    )

    @property
    def host(self) -> str:
        """The name of that page's machine; empty: there is none."""
        return urlsplit(self.web or "").hostname or ""
