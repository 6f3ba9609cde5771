"""The body of an HTTP answer, read to its end within a bound."""

from __future__ import annotations

import aiohttp

_PIECE = 1 << 16


async def read_body(answer: aiohttp.ClientResponse, most: int) -> bytes | None:
    """Return the whole body, decompressed; None if it has more than `most` octets.

    `answer.content.read(most)` is not enough: it returns what has arrived so far.
    """
    found = bytearray()
    async for piece in answer.content.iter_chunked(_PIECE):
        found += piece
        if len(found) > most:
            return None
    return bytes(found)
