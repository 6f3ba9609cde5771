"""A worker process (`python -m relay.daemon.worker DESCRIPTOR`), started and controlled by `relay.daemon.supervisor`.

Exit status 0 after a stop that finished, 1 where it cannot start: the supervisor gets the sentence, and the log the
place in the code of an exception that was not foreseen.
"""

from __future__ import annotations

import asyncio
import socket
import sys

from relay.daemon.role import Order, Worker
from relay.daemon.service import serve
from relay.model.errors import RelayError
from relay.process import ipc
from relay.telemetry import events
from relay.telemetry.counters import Tally
from relay.telemetry.events import Event
from relay.telemetry.observer import Observer


def main() -> int:
    """Serve; the status."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    try:
        order: Order = ipc.receive(channel)
    except (OSError, EOFError):  # the supervisor has gone again
        return 1
    observer = Observer(Tally())
    log = order.config.log
    events.configure(level=log.level, fmt=log.format, seen=observer, worker=order.number)
    worker = Worker(order, channel)
    try:
        asyncio.run(serve(order.config, worker, observer))
    except RelayError as error:
        worker.tell(failed=str(error))
        return 1
    except Exception as error:  # noqa: BLE001  the edge: no exception's text in the log
        events.log().error(Event.FAILED, **events.unforeseen(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
