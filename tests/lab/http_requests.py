"""What a request to a page can do where a test makes it without a server."""

from __future__ import annotations

from relay.web.http.memory import Load


async def share(_name: str, _octets: int, load: Load) -> bytes | None:
    """The octets of an answer, without a bound."""
    return await load()
