"""HTTP with the OpenID provider: JSON of limited size, certificates verified, redirects not followed.

Raises `ProviderError`.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from relay.channel.body import read_body
from relay.model.errors import RelayError

SECONDS = 10.0
MOST_OCTETS = 1 << 20


class ProviderError(RelayError):
    """The provider does not answer, or its answer is not valid."""


class Provider:
    """An HTTP client. Make it in the event loop that uses it; call `close` at the end."""

    def __init__(self, ca_file: Path | None) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ca_file), limit=8),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=SECONDS),
            headers={"Accept": "application/json"},
        )

    async def get(self, url: str) -> dict[str, Any]:
        """Return the JSON at this URL."""
        return await self._asked("GET", url)

    async def post(self, url: str, form: Mapping[str, str], login: tuple[str, str]) -> dict[str, Any]:
        """Send a form, with HTTP Basic authentication (RFC 6749 section 2.3.1). Returns the JSON of the answer."""
        return await self._asked("POST", url, data=dict(form), auth=aiohttp.BasicAuth(*login))

    async def close(self) -> None:
        """Close the connections that are kept open."""
        await self._session.close()

    async def _asked(self, method: str, url: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401  as aiohttp takes them
        try:
            async with self._session.request(method, url, allow_redirects=False, **options) as answer:
                octets = await read_body(answer, MOST_OCTETS)
                told = json.loads(octets) if octets and answer.status == HTTPStatus.OK else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError):
            raise ProviderError("the provider does not answer") from None
        if not isinstance(told, dict):
            raise ProviderError("the provider refuses, or its answer is not understood")
        return told
