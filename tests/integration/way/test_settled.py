"""A relay at work does not stand still for Python's collector."""

from __future__ import annotations

import json

from lab.relay import Relay
from lab.sink import Sink
from lab.timed import send

COUNTING = """
import atexit, gc, json, pathlib
def tell():
    pathlib.Path("collected").write_text(json.dumps([gc.get_freeze_count(), len(gc.get_objects())]))
atexit.register(tell)
"""


async def test_what_was_loaded_at_the_start_is_not_looked_through_again() -> None:
    """The collector went through all of it every thousand mails, and nothing else ran for 70 ms."""
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}"}) as relay:
        relay.altered = COUNTING
        relay.start()
        assert (await send(f"lmtp://127.0.0.1:{relay.port}", "bob@nowhere.example")).startswith("250")
        relay.stop()
        settled, moving = json.loads((relay.folder / "collected").read_text())
    assert settled > 50_000
    assert moving < settled / 3
