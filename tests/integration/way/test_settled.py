"""A relay at work does not stand still for Python's collector."""

from __future__ import annotations

from lab.relay import Relay

COUNTING = """
import gc, pathlib
from relay.daemon import role
from relay.daemon.service import Service
ready = role.Standalone.ready
def tell(self, listening):
    seen = sum(isinstance(one, Service) for one in gc.get_objects())
    pathlib.Path("seen").write_text(str(seen))
    ready(self, listening)
role.Standalone.ready = tell
"""


def test_what_is_there_after_the_start_is_out_of_the_collectors_sight() -> None:
    """It went through all of it every thousand mails, and nothing else ran for 70 ms."""
    with Relay({"reinject": "smtp://127.0.0.1:9"}) as relay:
        relay.altered = COUNTING
        relay.start()
        relay.stop()
        assert (relay.folder / "seen").read_text() == "0"
