"""Whether the relay reaches the public web service."""

from __future__ import annotations

import ssl

from relay.channel.client import Channel
from relay.config import Config
from relay.daemon import tls


async def reached(config: Config) -> str:
    """Where it answers. Raises `ChannelError` with what to do."""
    channel = Channel(config.channel, tls.channel(config, ssl.Purpose.SERVER_AUTH))
    try:
        waiting = await channel.events()
    finally:
        await channel.close()
    return f"answers on {config.channel}; {len(waiting)} events wait for the relay"
