"""Reading a message from a connection up to its final dot, within the bounds of time, size and memory.

A large message waits for memory after its first octets: nothing is read meanwhile, so that TCP slows its client down.
One that is too large, or for which there is no memory then, is read to its end and discarded: the reply comes at its
place in the dialogue and the connection goes on (RFC 5321 section 4.1.1.4). Raises `ConnectionResetError` when the
client leaves before the end.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from relay.model import Reply, replies
from relay.process.small_first import MailInHand
from relay.smtp.bounds import Bounds
from relay.smtp.data import Body
from relay.smtp.memory_share import MemoryShare


async def receive(
    reader: asyncio.StreamReader,
    share: MemoryShare,
    bounds: Bounds,
    patience: Callable[[float], None],
    mail: MailInHand,
) -> bytes | Reply:
    """The content, or the reply that says why there is none. `patience` restarts the connection's timer, in seconds."""
    clock = asyncio.get_running_loop().time
    body, ends = Body(bounds.max_message_size), clock() + bounds.transfer
    room, rest = True, None
    while rest is None:
        patience(max(0.001, min(bounds.idle, ends - clock())))
        await mail.give_way()
        piece = await reader.read(sys.maxsize)
        if not piece:
            raise ConnectionResetError("the client left during DATA")
        rest = body.feed(piece)
        if rest and not reader.at_eof():
            reader.feed_data(rest)  # the buffer is empty as long as nothing is awaited, so these octets come next
        mail.is_of(len(body))
        if body.discarded:
            share.release()
        else:
            room = await share.cover(len(body), whole=rest is not None)
            if not room:
                share.release()
                body.discard()
    if not room:
        return replies.NO_ROOM
    share.trim(len(body))
    content = body.content()
    return replies.too_large(bounds.max_message_size) if content is None else content
