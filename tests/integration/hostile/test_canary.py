"""A relay that tells what stands in a mail, at each place where nothing of it may be: the lab hears it everywhere.

The relay is the real one with one function replaced in its process, as a careless change would do it.
"""

from __future__ import annotations

import smtplib
import subprocess
import sys
from pathlib import Path

import pytest
from lab.canary import WORD, Sings, assert_unheard, is_notice, take
from lab.client import Client
from lab.relay import Relay
from lab.sink import Sink

SENDER, TO = "medecin@hopital.example", "someone@ville.example"
SUBJECT, LINE = "Findings of Mrs Durand", "The biopsy shows nothing unusual."
MAIL = f"From: {SENDER}\r\nTo: {TO}\r\nSubject: {SUBJECT}\r\n\r\n{LINE}\r\nNothing to be afraid of.\r\n".encode()
INSIDE = {
    "subject in the log": """
        of = events.of
        events.of = lambda inbound: of(inbound).bind(subject=inbound.content.decode().split("\\r\\n")[2])
    """,
    "body on standard error": """
        of = events.of
        events.of = lambda inbound: print(inbound.content.decode(), file=sys.stderr) or of(inbound)
    """,
    "an exception's text": """
        def deliver(self, attempt):
            raise ValueError(attempt.transaction.inbound.content.decode())
        outgoing.Pipeline._deliver = deliver
        events.unforeseen = lambda error: {"error": repr(error)}
    """,
    "a crash": """
        def of(inbound):
            sys.excepthook(ValueError, ValueError(inbound.content.decode()), None)
            os.kill(os.getpid(), signal.SIGSEGV)
        events.of = of
    """,
    "line of the body in the trace": """
        headers.message_id = lambda content: content.decode().split("\\r\\n")[4]
    """,
    "temporary file": """
        of = events.of
        def leaving(inbound):
            with open(tempfile.mkstemp()[1], "wb") as file:
                file.write(inbound.content)
            return of(inbound)
        events.of = leaving
    """,
}
IN_A_REPLY = """
        replies = inlet._replies
        async def telling(delivery, inbound, awaited):
            given = await replies(delivery, inbound, awaited)
            return tuple(Reply(r.code, r.enhanced, inbound.content.decode().split("\\r\\n")[4]) for r in given)
        inlet._replies = telling
"""
IN_A_NOTICE = """
        returned_headers._READ = {**returned_headers._READ, "Subject": str}
"""


def singing(code: str) -> str:
    """What is done to the program."""
    lines = "\n".join(line[8:] for line in code.splitlines())
    preface = """
import os, signal, sys, tempfile
from relay.pipeline import outgoing
from relay.mail import headers, returned_headers
from relay.model import Reply
from relay.smtp import inlet
from relay.telemetry import events
"""
    return f"{preface}\n{lines}"


def settings(sink: Sink) -> dict[str, object]:
    rule = {"name": "everyone", "encrypt": "required"}
    return {"reinject": f"smtp://127.0.0.1:{sink.port}", "policy": [rule]}


def send(relay: Relay) -> None:
    with smtplib.LMTP("127.0.0.1", relay.port, timeout=30) as client:
        client.sendmail(SENDER, [TO], MAIL)


def test_a_relay_that_discloses_nothing_raises_no_alarm() -> None:
    with Sink() as sink, Relay(settings(sink)) as relay:
        relay.start()
        send(relay)
        relay.trace()
        (notice,) = sink.wait_for(1)
        assert is_notice(notice.content)


@pytest.mark.parametrize("where", INSIDE)
def test_content_in_a_file_of_the_relay_is_found(where: str) -> None:
    with pytest.raises(Sings, match=r"Findings of Mrs Durand|biopsy"):
        one_mail_through(singing(INSIDE[where]), crashes=where == "a crash")


def one_mail_through(altered: str, *, crashes: bool = False) -> None:
    with Sink() as sink, Relay(settings(sink)) as relay:
        relay.altered = altered
        relay.start()
        if not crashes:
            send(relay)
            return
        with pytest.raises((OSError, smtplib.SMTPException)):
            send(relay)
        relay.kill_alone()
        assert not [*relay.folder.rglob("core*")]


def test_content_in_the_output_of_a_command_is_found() -> None:
    with pytest.raises(Sings, match="biopsy"):
        one_command(f"print({LINE!r})")


def one_command(code: str) -> None:
    with Sink() as sink, Relay(settings(sink)) as relay:
        relay.start()
        send(relay)
        relay.program = (sys.executable, "-c", code)
        relay.run("trace")


async def test_content_in_a_reply_is_found_by_every_client() -> None:
    with Sink() as sink, Relay(settings(sink)) as relay:
        relay.altered = singing(IN_A_REPLY)
        relay.start()
        async with Client(relay.settings["listen"][0]) as client:
            await client.hello()
            with pytest.raises(Sings, match="a reply"):
                await client.send(SENDER, [TO], MAIL)
        with pytest.raises(Sings, match="a reply"):
            send(relay)


def test_content_in_a_notice_is_found() -> None:
    with pytest.raises(Sings, match="a notice"):
        one_notice(singing(IN_A_NOTICE))


def one_notice(altered: str) -> None:
    with Relay() as relay, Sink() as sink:
        relay.configure({**relay.settings, **settings(sink)})
        relay.altered = altered
        relay.start()
        send(relay)
        assert sink.wait_for(1)


def test_content_in_a_notice_in_a_mailbox_is_found(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1").write_bytes(b"Reporting-MTA: dns; relay.example\n\n" + WORD)
    with pytest.raises(Sings, match="a notice"):
        take(tmp_path)
    (tmp_path / "new" / "2").write_bytes(b"Subject: a mail of somebody's\n\n" + WORD)
    assert len(take(tmp_path)) == 1


@pytest.mark.parametrize("capture", ["fd", "no"])
def test_content_that_a_test_prints_is_found(tmp_path: Path, capture: str) -> None:
    folder = Path(__file__).parents[2]
    (tmp_path / "conftest.py").write_text((folder / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(
        "import sys\nfrom lab.canary import WORD\n\n\n"
        "def test_out() -> None:\n    print(WORD.decode())\n\n\n"
        "def test_error() -> None:\n    print(WORD.decode(), file=sys.stderr)\n\n\n"
        "def test_read(capsys) -> None:\n    print(WORD.decode())\n    capsys.readouterr()\n\n\n"
        "def test_nothing() -> None:\n    print('all is well')\n"
    )
    plain = [word for plugin in ("cacheprovider", "xdist", "hypothesispytest") for word in ("-p", f"no:{plugin}")]
    options = [*plain, f"--capture={capture}", "-o", f"pythonpath={folder}"]
    command: list[str | Path] = [sys.executable, "-m", "pytest", "-q", *options, tmp_path]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, check=False, timeout=60)
    assert b"3 failed, 1 passed" in done.stdout, done.stdout
    with pytest.raises(Sings):
        assert_unheard(done.stdout, "what pytest says of it")
