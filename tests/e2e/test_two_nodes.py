"""Postfix with two next hops, each a node: it gives the first one up, tries the second, and nobody has a mail twice."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.cluster import Node
from lab.postfix import Postfix
from lab.postgresql import postgresql, programs
from lab.sink import Sink, Taken

pytestmark = [
    pytest.mark.waits,
    pytest.mark.skipif(
        os.geteuid() != 0 or not Path("/usr/sbin/postfix").exists() or programs() is None,
        reason="needs root, Postfix and PostgreSQL",
    ),
]
MAILS = 20
SLOW = 4.0
GIVES_UP = "2s"


class SlowSink(Sink):
    """It has the mail, and is slow to say so."""

    def keep(self, mail: Taken) -> None:
        super().keep(mail)
        time.sleep(SLOW)


def test_a_mail_that_postfix_gives_to_a_second_node_while_the_first_one_works_arrives_once(
    record_property: Callable[[str, object], None],
) -> None:
    where = programs()
    assert where
    with (
        postgresql(where) as server,
        SlowSink() as sink,
        Node("alpha", server.url, sink.port, scheme="smtp") as alpha,
        Node("beta", server.url, sink.port, scheme="smtp") as beta,
    ):
        alpha.start()
        beta.start()
        main = {
            "relayhost": f"[127.0.0.1]:{alpha.port}",
            "smtp_fallback_relay": f"[127.0.0.1]:{beta.port}",
            "smtp_data_done_timeout": GIVES_UP,
        }
        with Postfix(main=main) as mta:
            for number in range(MAILS):
                content = f"From: d@front.example\r\nMessage-ID: <m{number}@front.example>\r\n\r\nkanarienvogel7\r\n"
                mta.submit("d@front.example", [f"anna{number}@open.example"], content.encode())
            given_up = len(mta.wait_log(r"timed out while sending end of data", times=MAILS))
            deadline = time.monotonic() + 90
            while not mta.is_empty() and time.monotonic() < deadline:
                mta.flush()
                time.sleep(1)
            mta.wait_empty(10)
        copies = Counter(address for mail in sink.taken for address in mail.recipients)
    twice = sum(count > 1 for count in copies.values())
    record_property("counted", f"{twice} of {MAILS} mails came twice; Postfix gave a node up {given_up} times")
    assert len(copies) == MAILS
    assert twice == 0, f"{alpha.log[-20000:]}\n{beta.log[-20000:]}"
