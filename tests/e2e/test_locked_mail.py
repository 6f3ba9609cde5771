"""A mail that Postfix tries again while its last delivery still holds the file: the lab's Postfix does not forget it.

For want of it one of a hundred runs of the tests of a failover had a mail that stayed for minutes.
"""

from __future__ import annotations

import fcntl

import pytest
from lab.postfix import Postfix
from lab.sink import Sink

pytestmark = pytest.mark.waits

MAIL = b"From: d@front.example\r\nSubject: canary\r\n\r\nthe clear body\r\n"


def test_a_mail_whose_file_was_locked_at_a_flush_leaves_soon() -> None:
    with Sink() as sink, Postfix(relayhost=sink.port, main={"defer_transports": "smtp"}) as mta:
        queue_id = mta.submit("d@front.example", ["bob@there.example"], MAIL)
        mta.wait_log("status=deferred")
        mta.wait_deferred()
        (file,) = (mta.root / "queue" / "deferred").rglob(queue_id)
        with file.open("rb+") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            mta.set(defer_transports="")
            mta.flush()
            mta.wait_log(f"{queue_id}: skipped, still being delivered")
        sink.wait_for(1)
        mta.wait_empty()
