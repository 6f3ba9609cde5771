"""All that `web public` answers, in one list; whatever is not here is 404."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from relay.config import Config
from relay.model.errors import StoreError
from relay.store.public import PublicStore
from relay.web.enrolment.routes import Enrolment
from relay.web.http.messages import Answer, Request, said
from relay.web.http.routes import Route, Routes, route
from relay.web.pages.letter import letter_files
from relay.web.pages.render import Pages, Sender
from relay.web.pickup.comparison import files_of
from relay.web.pickup.files import StaticFile
from relay.web.pickup.routes import PickupPages
from relay.web.public.wkd import WebKeyDirectory

_HERE = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names by which this machine's own programs reach it."""


def build_site(store: PublicStore, config: Config) -> Routes:
    """Everything that a visitor may ask."""
    files = {**files_of(config), **letter_files(config.pickup.colour)}

    async def health(_request: Request) -> Answer:
        try:
            await store.events.octets(0)
        except StoreError:
            return said(HTTPStatus.SERVICE_UNAVAILABLE)
        return Answer(HTTPStatus.OK, b"alive\n")

    return Routes(
        [
            route(re.compile(r"/healthz"), GET=health),
            *WebKeyDirectory(store.objects).routes,
            *PickupPages(store, files).routes,
            *(_enrolment(store, config, files) if config.enrol.web else []),
        ]
    )


def _enrolment(store: PublicStore, config: Config, files: Mapping[str, StaticFile]) -> list[Route]:
    """`/keys`."""
    logo = next((f"/static/{name}" for name in files if name.startswith("logo.")), "")
    organisation = config.pickup.organisation or config.notices.from_.name
    pages = Pages("relay.web.enrolment", Sender(organisation, logo, config.notices.contact or ""))
    return Enrolment(store, pages, _HERE | {config.enrol.host}).routes
