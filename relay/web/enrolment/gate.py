"""Who may request the pages about keys, how often, and which forms are accepted. Raises `Refusal`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from relay.web.enrolment.reading import LARGEST
from relay.web.http.forms import form
from relay.web.http.limits import Limit, Rate, assure_within
from relay.web.http.messages import Refusal, Request

LARGEST_FORM = 2 * LARGEST
_POSTS = Rate(burst=60, each_second=0.2)
_LOOKS = Rate(burst=300, each_second=5)


class Gate:
    """Stands in front of each page; `hosts` are the names that the pages are reached by."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self._hosts = hosts
        self._posts = Limit(_POSTS)
        self._looks = Limit(_LOOKS)

    def look(self, request: Request) -> None:
        """Raises `Refusal` for a host name that is not ours, and for a client that asks too often."""
        if request.host not in self._hosts:
            raise Refusal(HTTPStatus.MISDIRECTED_REQUEST)
        assure_within(self._looks, request.client)

    async def posted(self, request: Request) -> Mapping[str, bytes]:
        """The fields of a form that a page of ours may have sent."""
        self.look(request)
        assure_within(self._posts, request.client)
        if _is_foreign(request):
            raise Refusal(HTTPStatus.FORBIDDEN)
        return await form(request, LARGEST_FORM)


def _is_foreign(request: Request) -> bool:
    """Whether the browser says that another site sent it (Fetch Metadata, RFC 6454).

    Our own pages send `Origin: null`, because they have `Referrer-Policy: no-referrer`.
    """
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin", "null").lower()
    host = request.headers.get("Host", "").lower()
    return site not in {"same-origin", "none"} or origin.partition("://")[2] not in {"", host}
