"""What keeps part of the mail away while the rest is served: `status` and /readyz say so, and it does not last."""

import os
import signal

import pytest
from lab.ports import free_port
from lab.prometheus import ask
from lab.relay import Relay
from lab.stopwatch import Stopwatch
from lab.waiting import wait_for

pytestmark = pytest.mark.waits


def ready(port: int) -> str:
    return ask(port, "/readyz")[1].strip()


def test_a_worker_that_stands_still_is_told_and_soon_replaced() -> None:
    """It kept its share of the connections for a minute, while the relay said that it was ready."""
    port = free_port()
    with Relay({"workers": 2, "metrics": f"127.0.0.1:{port}"}) as relay:
        relay.start()
        wait_for(lambda: len(relay.workers) == 2 and ready(port) == "ready", "two workers")
        if not stopped_and_told(relay, port):  # as where the whole machine stands still meanwhile
            assert stopped_and_told(relay, port)


def stopped_and_told(relay: Relay, port: int) -> bool:
    """Whether it was, before the worker that was stopped had an end."""
    stopped = relay.workers[0]

    def ended() -> bool:
        return stopped not in relay.workers.values()

    with Stopwatch() as watch:
        os.kill(stopped, signal.SIGSTOP)
        wait_for(lambda: ended() or ready(port) == "stalled", "it is told")
        told = not ended()
        wait_for(ended, "it is ended")
    assert watch.seconds < 40
    wait_for(lambda: len(relay.workers) == 2 and ready(port) == "ready", "ready again")
    return told


def test_a_keyring_that_others_can_look_into_is_told_while_the_relay_runs() -> None:
    port = free_port()
    with Relay({"metrics": f"127.0.0.1:{port}"}) as relay:
        relay.start()
        wait_for(lambda: ready(port) == "ready", "ready")
        relay.keyring.chmod(0o755)
        wait_for(lambda: ready(port) == "keyring", "it is told")
        relay.keyring.chmod(0o700)
        wait_for(lambda: ready(port) == "ready", "ready again")
