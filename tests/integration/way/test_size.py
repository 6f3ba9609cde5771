"""Large messages: how much memory they take, and what happens beyond the limit."""

from __future__ import annotations

import re
import smtplib
from pathlib import Path

import pytest
from lab.known import KNOWN, Known, is_sealed
from lab.relay import Relay
from lab.sink import Sink

MIB = 1 << 20
SENDER = "medecin@hopital.example"
HEAD = b"From: medecin@hopital.example\r\nTo: known@ville.example\r\nSubject: large\r\n\r\n"
LINE = b"0123456789abcdef" * 4 + b"\r\n"


def mail_of(size: int) -> bytes:
    body = LINE * (size // len(LINE) + 1)
    return HEAD + body[: size - len(HEAD) - 2] + b"\r\n"


def peak(pid: int) -> int:
    """The most memory the process ever had (VmHWM of proc(5)), in octets."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.timeout(240)
def test_50_mib_pass_with_at_most_8_times_their_size_in_memory(known: Known) -> None:
    content = mail_of(50 * MIB)
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", "max_message_size": "60MiB"}) as relay:
        known.introduce(relay)
        relay.start()
        idle = peak(relay.pid)
        with smtplib.LMTP("127.0.0.1", relay.port, timeout=120) as client:
            client.sendmail(SENDER, [KNOWN], content)
        (arrived,) = sink.wait_for(1)
        assert is_sealed(arrived.content)
        grown = peak(relay.pid)
    print(
        f"\n50 MiB: peak {grown / MIB:.0f} MiB, idle {idle / MIB:.0f} MiB, so {grown / len(content):.1f} times its size"
    )
    assert grown <= 8 * len(content)
    assert known.decrypt(arrived.content).endswith(content[len(HEAD) :])


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
