"""Large messages: how much memory they take, and what happens beyond the limit."""

from __future__ import annotations

import re
import smtplib
from pathlib import Path

import pytest
from lab.known import KNOWN, Known, is_encrypted
from lab.processes import Family, peak
from lab.relay import Relay
from lab.sink import Sink
from lab.waiting import wait_for

MIB = 1 << 20
HELPER = 55 * MIB
"""What the process for large messages takes by itself, and keeps for the next one."""
SENDER = "medecin@hopital.example"
HEAD = b"From: medecin@hopital.example\r\nTo: known@ville.example\r\nSubject: large\r\n\r\n"
LINE = b"0123456789abcdef" * 4 + b"\r\n"


def mail_of(size: int) -> bytes:
    body = LINE * (size // len(LINE) + 1)
    return HEAD + body[: size - len(HEAD) - 2] + b"\r\n"


def memory(pid: int, what: str) -> int:
    """The most the process ever had (VmHWM of proc(5)), or has now (VmRSS), in octets."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("engine", "size", "mails"), [("gnupg", 50 * MIB, 1), ("sequoia", 20 * MIB, 3)])
def test_what_a_large_mail_takes_is_bounded_and_given_back(engine: str, size: int, mails: int, known: Known) -> None:
    """At most eight times its size, with all that was started for it: nothing is deducted but what was there before.

    What it took when this was written is 4.0 and 5.5 times.

    Both processes held every form of the mail at once, and glibc kept what they freed: of less than 32 MiB.
    """
    content = mail_of(size)
    settings = {"max_message_size": "60MiB", "engine": engine}
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", **settings}) as relay:
        known.introduce(relay)
        relay.start()
        family = Family(relay.pid)
        idle = memory(relay.pid, "VmRSS")
        with smtplib.LMTP("127.0.0.1", relay.port, timeout=120) as client, peak(family) as seen:
            for _ in range(mails):
                client.sendmail(SENDER, [KNOWN], content)
        first, *_ = sink.wait_for(mails)
        grown = memory(relay.pid, "VmHWM") - idle

        def rest() -> tuple[int, int]:
            """In the relay, and in all."""
            return memory(relay.pid, "VmRSS") - idle, family.octets([]) - seen.idle

        def given_back() -> tuple[int, int] | None:
            left = rest()
            within = all(octets <= most for octets, most in zip(left, (size, HELPER + size), strict=True))
            return left if within else None

        left, left_together = wait_for(given_back, "what it took is given back")  # its answer comes a moment before
    print(
        f"\n{size / MIB:.0f} MiB, {engine}: {seen.above / size:.1f} times its size ({seen.looks} looks), "
        f"the relay itself {grown / size:.1f}; afterwards {left_together / MIB:.0f} MiB and {left / MIB:.0f}"
    )
    assert is_encrypted(first.content)
    assert seen.looks > 50
    assert seen.above <= 8 * size
    assert grown <= 3 * size
    assert known.decrypt(first.content).endswith(content[len(HEAD) :])


@pytest.mark.parametrize("scheme", ["lmtp", "smtp"])
def test_one_octet_too_many_gets_552_and_the_connection_goes_on(scheme: str, known: Known) -> None:
    settings = {"max_message_size": "1MiB"}
    kind = smtplib.LMTP if scheme == "lmtp" else smtplib.SMTP
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", **settings}, scheme=scheme) as relay:
        known.introduce(relay)
        relay.start()
        with kind("127.0.0.1", relay.port, timeout=60) as client:
            client.ehlo_or_helo_if_needed()
            client.esmtp_features.pop("size")  # smtplib would declare it, and be refused before DATA
            with pytest.raises(smtplib.SMTPDataError) as refused:
                client.sendmail(SENDER, [KNOWN], mail_of(MIB + 1))
            assert refused.value.smtp_code == 552
            client.sendmail(SENDER, [KNOWN], mail_of(MIB))
        assert len(sink.wait_for(1)) == 1
