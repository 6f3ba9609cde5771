"""One worker's process (`python -m relay.worker DESCRIPTOR`): `relay.workers` starts it and tells it what to do.

Ends with 0 when it was told to stop and has finished, with 1 where it cannot begin: the supervisor is told the
sentence, the log the place of what nobody foresaw.
"""

from __future__ import annotations

import asyncio
import socket
import sys

from relay import events, wire
from relay.errors import RelayError
from relay.events import Event
from relay.metrics.observer import Observer
from relay.metrics.tally import Tally
from relay.post import Order, Worker
from relay.service import serve


def main() -> int:
    """Serve; the status."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    try:
        order: Order = wire.receive(channel)
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
