"""What keeps part of the mail away while the rest is served: `status` and /readyz say so, and it does not last."""

import os
import signal
import urllib.error
import urllib.request

import pytest
from lab.ports import free_port
from lab.relay import Relay
from lab.waiting import wait_for

pytestmark = pytest.mark.waits


def ready(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return str(answer.read().decode().strip())
    except urllib.error.HTTPError as error:
        return error.read().decode().strip()


def test_a_worker_that_stands_still_is_told_and_soon_replaced() -> None:
    """It kept its share of the connections for a minute, while the relay said that it was ready."""
    port = free_port()
    with Relay({"workers": 2, "metrics": f"127.0.0.1:{port}"}) as relay:
        relay.start()
        wait_for(lambda: len(relay.workers) == 2 and ready(port) == "ready", "two workers")
        stopped = relay.workers[0]
        os.kill(stopped, signal.SIGSTOP)
        wait_for(lambda: ready(port) == "stalled", "it is told", 15)
        wait_for(lambda: relay.workers.get(0, stopped) != stopped, "it is replaced", 40)
        wait_for(lambda: ready(port) == "ready", "ready again", 30)


def test_a_keyring_that_others_can_look_into_is_told_while_the_relay_runs() -> None:
    port = free_port()
    with Relay({"metrics": f"127.0.0.1:{port}"}) as relay:
        relay.start()
        wait_for(lambda: ready(port) == "ready", "ready")
        relay.keyring.chmod(0o755)
        wait_for(lambda: ready(port) == "keyring", "it is told", 20)
        relay.keyring.chmod(0o700)
        wait_for(lambda: ready(port) == "ready", "ready again", 20)
