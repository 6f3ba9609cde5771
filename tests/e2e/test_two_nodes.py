"""Postfix with two next hops, each a node: it gives the first one up, tries the second, and nobody has a mail twice."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from lab.cluster import DEADLINES, Node
from lab.postfix import Postfix
from lab.postgresql import postgresql, programs
from lab.sink import Sink, Taken
from lab.waiting import wait_for

pytestmark = [
    pytest.mark.waits,
    pytest.mark.skipif(
        os.geteuid() != 0 or not Path("/usr/sbin/postfix").exists() or programs() is None,
        reason="needs root, Postfix and PostgreSQL",
    ),
]
MAILS = 20
TIMED_OUT = r"timed out while sending end of data"
GIVES_UP = "2s"
PATIENT = "600s"
LONGEST = 300.0
"""Seconds that Postfix may take to give all of them up, however busy the machine is."""


class HeldSink(Sink):
    """It has the mail, and says so when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_say = threading.Event()

    def keep(self, mail: Taken) -> None:
        super().keep(mail)
        self.may_say.wait(LONGEST)


def test_a_mail_that_postfix_gives_to_a_second_node_while_the_first_one_works_arrives_once(
    record_property: Callable[[str, object], None],
) -> None:
    """The answer comes when Postfix has given the first node up and had nothing of the second, and then it waits long.

    An answer in the very moment in which a client gives up may be read by nobody (RFC 1047): that is no claim of ours.
    Nor is a mail whose lock went with the database session of a node that stood still for 8 s: a node tells of each.
    """
    where = programs()
    assert where
    patient = {"deadlines": {**DEADLINES, "final_dot": f"{LONGEST:.0f}s"}}
    with (
        postgresql(where) as server,
        HeldSink() as sink,
        Node("alpha", server.url, sink.port, patient, scheme="smtp") as alpha,
        Node("beta", server.url, sink.port, patient, scheme="smtp") as beta,
    ):
        alpha.start()
        beta.start()
        main = {
            "relayhost": f"[127.0.0.1]:{alpha.port}",
            "smtp_fallback_relay": f"[127.0.0.1]:{beta.port}",
            "smtp_data_done_timeout": GIVES_UP,
            "smtp_initial_destination_concurrency": str(MAILS),
            "smtp_destination_concurrency_failed_cohort_limit": str(MAILS + 1),
        }
        try:
            with Postfix(main=main, relays=[alpha, beta]) as mta:
                for number in range(MAILS):
                    content = (
                        f"From: d@front.example\r\nMessage-ID: <m{number}@front.example>\r\n\r\nkanarienvogel7\r\n"
                    )
                    mta.submit("d@front.example", [f"anna{number}@open.example"], content.encode())
                mta.wait_log("status=deferred", LONGEST, times=MAILS)
                mta.wait_deferred()
                given_up = len(re.findall(TIMED_OUT, mta.log))
                assert given_up >= MAILS
                mta.set(smtp_data_done_timeout=PATIENT)
                sink.may_say.set()
                deadline = time.monotonic() + LONGEST
                while not mta.is_empty() and time.monotonic() < deadline:
                    mta.retry()
                    time.sleep(1)  # 451 until the first attempt is over, of which nobody is told
                mta.wait_empty(10)
        finally:
            sink.may_say.set()
        copies = Counter(address for mail in sink.taken for address in mail.recipients)
        twice = sum(count > 1 for count in copies.values())

        def lost_locks() -> int:
            lines = [line for node in (alpha, beta) for line in node.events if line["event"] == "locks_lost"]
            return sum(line["mails"] for line in lines)

        with suppress(AssertionError):
            wait_for(lambda: twice <= lost_locks(), "a node has found out that its session has ended", 10)
        lost = lost_locks()
    record_property(
        "counted",
        f"{twice} of {MAILS} mails came twice; Postfix gave a node up {given_up} times; {lost} locks were lost",
    )
    assert len(copies) == MAILS
    assert twice <= lost, f"{alpha.log[-20000:]}\n{beta.log[-20000:]}"
