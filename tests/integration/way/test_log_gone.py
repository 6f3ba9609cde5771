"""A log that nobody reads any more: 500 and the exception's text went to the client, and the mail bounced."""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys

import pytest
from lab.known import KNOWN, Known, is_encrypted
from lab.relay import Relay
from lab.sink import Sink
from lab.waiting import wait_for


def answers(port: int) -> bool:
    try:
        smtplib.LMTP("127.0.0.1", port, timeout=5).quit()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("scheme", ["lmtp", "smtp"])
def test_mail_goes_on_when_the_reader_of_the_log_has_gone(scheme: str, known: Known) -> None:
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}"}, scheme=scheme) as relay:
        known.introduce(relay)
        reader, writer = os.pipe()
        command = [sys.executable, "-m", "relay", "-c", str(relay.file), "serve"]
        environment = {"PATH": os.environ["PATH"]}  # not PYTHONUNBUFFERED: with it nothing is left for the end
        process = subprocess.Popen(command, stderr=writer, cwd=relay.folder, env=environment)
        os.close(writer)
        try:
            wait_for(lambda: answers(relay.port), "it listens")
            os.close(reader)
            kind = smtplib.LMTP if scheme == "lmtp" else smtplib.SMTP
            with kind("127.0.0.1", relay.port, timeout=30) as client:
                client.sendmail(
                    "medecin@hopital.example", [KNOWN], b"From: a@b.example\r\nTo: x@y.example\r\n\r\nbody\r\n"
                )
                assert client.docmd("NONSENSE")[0] == 500
        finally:
            process.terminate()
            assert process.wait(40) == 0
        (mail,) = sink.wait_for(1)
        assert is_encrypted(mail.content)
