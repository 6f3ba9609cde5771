"""The content as we read it is the content as aiosmtpd reads it."""

from __future__ import annotations

import asyncio

from aiosmtpd.smtp import SMTP
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.smtp.data import Body


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"", b"..", b"...", b"a", b".a", b"a.", b"\n", b"\r", b"\n.", b"\xe9"]), max_size=8))
def test_same_as_aiosmtpds_own_reader(lines: list[bytes]) -> None:
    wire = b"".join(line + b"\r\n" for line in lines) + b".\r\n"
    body = Body(len(wire))
    assert body.feed(wire) == b""
    assert body.content() == asyncio.run(_aiosmtpd(wire))


async def _aiosmtpd(wire: bytes) -> bytes:
    got = asyncio.get_running_loop().create_future()

    class Handler:
        async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:  # noqa: N802  aiosmtpd's
            if not got.done():
                got.set_result(envelope.content)  # type: ignore[attr-defined]  # aiosmtpd's Envelope
            return "250 Ok"

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), hostname="x", loop=loop), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n")
    while not (await reader.readline()).startswith(b"354"):
        pass
    writer.write(wire)
    content = await got
    assert (await reader.readline()).startswith(b"250")
    writer.write(b"QUIT\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()
    server.close()
    return bytes(content)
