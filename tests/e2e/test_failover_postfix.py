"""The primary is lost while two Postfix send by way of two nodes: each mail arrives, and arrives once."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lab.cluster import Node
from lab.postfix import Postfix
from lab.postgresql import PostgreSQL, postgresql, programs
from lab.sink import Sink

pytestmark = [
    pytest.mark.waits,
    pytest.mark.skipif(
        os.geteuid() != 0 or not Path("/usr/sbin/postfix").exists() or programs() is None,
        reason="needs root, Postfix and PostgreSQL",
    ),
]


def content(number: int) -> bytes:
    return f"From: d@front.example\r\nMessage-ID: <m{number}@front.example>\r\n\r\nkanarienvogel7\r\n".encode()


def main_of(first: Node, second: Node) -> dict[str, str]:
    """Its own node, and the other one where that does not answer."""
    return {
        "relayhost": f"[127.0.0.1]:{first.port}",
        "smtp_fallback_relay": f"[127.0.0.1]:{second.port}",
        "minimal_backoff_time": "1s",
        "maximal_backoff_time": "2s",
        "queue_run_delay": "1s",
    }


def submit(senders: Sequence[Postfix], numbers: range) -> None:
    """These mails, by both, as fast as they are taken."""
    with ThreadPoolExecutor(4) as threads:
        list(
            threads.map(
                lambda n: senders[n % 2].submit("d@front.example", [f"anna{n}@open.example"], content(n)), numbers
            )
        )


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(80, marks=pytest.mark.timeout(600)),
        pytest.param(5000, marks=[pytest.mark.slow, pytest.mark.timeout(1500)]),
    ],
)
def test_a_failover_under_mail_from_two_postfix_loses_nothing_and_nobody_has_a_mail_twice(
    count: int, record_property: Callable[[str, object], None]
) -> None:
    where = programs()
    assert where
    with postgresql(where) as primary, postgresql(where, primary) as replica, Sink() as sink:
        sql(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        url = f"postgresql://relay@127.0.0.1:{primary.port},127.0.0.1:{replica.port}/postgres"
        with (
            Node("alpha", url, sink.port, scheme="smtp") as alpha,
            Node("beta", url, sink.port, scheme="smtp") as beta,
        ):
            alpha.start()
            beta.start()
            with (
                Postfix(main=main_of(alpha, beta), relays=[alpha, beta]) as one,
                Postfix(main=main_of(beta, alpha), relays=[alpha, beta]) as other,
            ):
                quarter = count // 4
                submit((one, other), range(quarter))
                sink.wait_for(quarter, 60 + count / 10)
                for mta in (one, other):
                    mta.wait_empty()  # its rows are in the trace
                head = json.loads(alpha.run("trace", "--verify", "--json").stdout)["newest"]
                sending = threading.Thread(target=submit, args=((one, other), range(quarter, 3 * quarter)))
                sending.start()
                sink.wait_for(quarter + 5, 60)
                primary.stop("immediate")
                submit((one, other), range(3 * quarter, count))
                before = len(sink.taken)
                replica.promote()
                promoted = time.monotonic()
                sink.wait_for(before + 1, 60)
                first = time.monotonic() - promoted
                sending.join()
                for mta in (one, other):
                    mta.wait_empty(120 + count / 10)
                deferred = one.log.count("status=deferred") + other.log.count("status=deferred")
            verified = json.loads(
                beta.run("trace", "--verify", "--head", f"alpha:{head['number']}:{head['hash']}", "--json").stdout
            )
        copies = Counter(address for mail in sink.taken for address in mail.recipients)
    twice = sum(number > 1 for number in copies.values())
    record_property(
        "counted",
        f"{count} mails from two Postfix over a failover: {count - len(copies)} lost, {twice} twice, "
        f"{deferred} deferrals, the first one {first:.1f} s after the promotion",
    )
    assert len(copies) == count
    assert twice == 0
    assert verified["holds"]


def sql(server: PostgreSQL, *statements: str) -> None:
    for statement in statements:
        subprocess.run(["psql", "-q", "-c", statement, server.url], check=True, stdout=subprocess.DEVNULL)
