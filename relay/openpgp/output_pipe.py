"""A pipe for what gpg writes to a file name key after key, where a memory file would be overwritten."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from relay.model.errors import EngineError, EngineTimeout

DRAINED_WITHIN = 10.0
"""Seconds for the rest of what stands in a pipe, once gpg has ended."""


class OutputPipe:
    """The end that is passed to gpg (`fd`), and what comes out of the other."""

    def __init__(self, fd: int, reader: asyncio.StreamReader, most: int) -> None:
        self.fd = fd
        self._reader = reader
        self._most = most
        self._collected = asyncio.ensure_future(self._collect())

    async def _collect(self) -> bytes:
        chunks, size = [], 0
        while chunk := await self._reader.read(1 << 16):
            size += len(chunk)
            if size <= self._most:  # the rest is drained, so that gpg ends by itself
                chunks.append(chunk)
        if size > self._most:
            raise EngineError("gpg wrote more than it may")
        return b"".join(chunks)

    async def read(self) -> bytes:
        """All that was written; once, after the call has ended.

        Raises `EngineTimeout` where something that gpg started still holds the other end.
        """
        os.close(self.fd)
        self.fd = -1
        try:
            async with asyncio.timeout(DRAINED_WITHIN):
                return await self._collected
        except TimeoutError as error:
            raise EngineTimeout("gpg has ended, and what it wrote has not") from error


@asynccontextmanager
async def output_pipe(most: int) -> AsyncIterator[OutputPipe]:
    """A pipe for one call, which may write `most` octets."""
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
    )
    pipe = OutputPipe(writing, reader, most)
    try:
        yield pipe
    finally:
        transport.close()
        pipe._collected.cancel()  # noqa: SLF001  its own module
        if pipe.fd >= 0:
            os.close(pipe.fd)
