"""A worker process (`python -m relay.daemon.worker DESCRIPTOR`), started and controlled by `relay.daemon.supervisor`.

Exit status 0 after a stop that finished, 1 where it cannot start: the supervisor gets the sentence, and the log the
place in the code of an exception that was not foreseen.
"""

from __future__ import annotations

import asyncio
import socket
import sys

from relay.daemon.role import WorkerRole, WorkerSpec
from relay.daemon.service import serve
from relay.model.errors import RelayError
from relay.process import ipc, pickled
from relay.process.ipc import BadFrame, Channel
from relay.telemetry import events, log_output
from relay.telemetry.counters import Counters
from relay.telemetry.events import Event
from relay.telemetry.observer import Observer


def main() -> int:
    """Serve as the supervisor says over the socket in `sys.argv`. Returns the exit status."""
    end = socket.socket(fileno=int(sys.argv[1]))
    try:
        frame = ipc.receive(end, pickled.LIMITS)
    except (OSError, BadFrame):
        frame = None
    if frame is None:  # the supervisor has gone again
        return 1
    spec: WorkerSpec = pickled.unpacked(frame)
    observer = Observer(Counters())
    log = spec.config.log
    log_output.configure(level=log.level, fmt=log.format, seen=observer, worker=spec.number)
    try:
        return asyncio.run(_serve(spec, end, observer))
    except Exception as error:  # noqa: BLE001  the edge: no exception's text in the log
        events.log().error(Event.FAILED, **events.unforeseen(error))
        return 1


async def _serve(spec: WorkerSpec, end: socket.socket, observer: Observer) -> int:
    channel = await Channel.open(end)
    try:
        await serve(spec.config, WorkerRole(spec, channel), observer)
    except RelayError as error:
        channel.send({"failed": str(error)})
        await channel.drain()
        return 1
    finally:
        channel.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
