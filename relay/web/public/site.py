"""All that `web public` answers, in one list; whatever is not here is 404."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from relay.model.errors import StoreError
from relay.store.public import PublicStore
from relay.web.http.messages import Answer, Request, said
from relay.web.http.routes import Routes, route
from relay.web.pickup.files import StaticFile
from relay.web.pickup.routes import PickupPages
from relay.web.public.wkd import WebKeyDirectory


def build_site(store: PublicStore, files: Mapping[str, StaticFile]) -> Routes:
    """Everything that a visitor may ask; `files` are those of the page on which a mail is picked up."""

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
        ]
    )
