"""The relay under the system call filter of the unit we hand out: everything it starts has to live with that."""

from __future__ import annotations

import asyncio
import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab import seccomp
from lab.certificates import make_keypair
from lab.client import Client
from lab.ports import closed_port
from lab.processes import Family, as_nice, nice_of
from lab.published import Published
from lab.relay import PROGRAM, Relay
from lab.sink import Sink
from lab.timed import SENDER

from relay.keys.ldap.reason import Reason
from relay.process.pool import LARGE
from relay.process.worker_process import NICE

UNIT = Path(__file__).resolve().parents[2] / "examples" / "systemd" / "pgp-relay.service"
BOB, CAROL = "bob@ville.example", "carol@ville.example"


@dataclass
class Site:
    relay: Relay
    sink: Sink
    wkd: Published
    may_be_nice: bool

    def send(self, to: str, octets: int) -> str:
        head = f"From: <{SENDER}>\r\nTo: <{to}>\r\nMessage-ID: <{octets}@here.example>\r\nSubject: canary\r\n\r\n"
        content = head.encode() + (b"x" * 70 + b"\r\n") * (octets // 72)

        async def one() -> str:
            async with Client(f"lmtp://127.0.0.1:{self.relay.port}") as client:
                await client.hello()
                (reply,) = await client.send(SENDER, [to], content)
                return reply

        return asyncio.run(one())


NICE_FORBIDDEN = frozenset({"setpriority", "nice"})


@pytest.fixture(scope="module", params=[("gnupg", frozenset()), ("sequoia", frozenset()), ("gnupg", NICE_FORBIDDEN)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Also as the unit was once, and as a site may have made it: the process for large mails ended at its start."""
    engine, forbidden = request.param
    file = tmp_path_factory.mktemp("unit") / "calls"
    file.write_text("\n".join(seccomp.allowed(UNIT) - forbidden))
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        wkd = stack.enter_context(Published("ville.example"))
        lookup = {"sources": ["keyring", "wkd"], "wkd": wkd.settings}
        settings = {"reinject": f"smtp://127.0.0.1:{sink.port}", "lookup": lookup, "engine": engine}
        relay = stack.enter_context(Relay(settings))
        relay.run("keys", "generate", "Relay", "relay@here.example")
        relay.configure({**relay.settings, "sign": {"default": "relay@here.example"}})
        relay.program = (sys.executable, seccomp.__file__, file, PROGRAM)
        relay.start()
        yield Site(relay, sink, wkd, NICE_FORBIDDEN.isdisjoint(forbidden))


def test_the_filter_filters(tmp_path: Path) -> None:
    """`swapon` is none of a service's calls, and `mkdir` is one."""
    file = tmp_path / "calls"
    file.write_text("\n".join(seccomp.allowed(UNIT)))
    made = tmp_path / "made"
    code = f"import ctypes, os; os.mkdir({str(made)!r}); c = ctypes.CDLL(None, use_errno=True)\n"
    code += "assert c.swapon(b'/x', 0) == -1; print(ctypes.get_errno())"
    words: list[str | Path] = [sys.executable, seccomp.__file__, file, sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) == errno.EPERM
    assert made.is_dir()


@pytest.mark.parametrize("octets", [1000, 2 * LARGE], ids=["small", "large"])
def test_a_mail_is_encrypted(site: Site, octets: int) -> None:
    key = make_keypair(f"<{BOB}>")
    site.wkd.publish(BOB, key.public)
    assert site.send(BOB, octets).startswith("250")
    assert {row["action"] for row in site.relay.trace("--to", BOB)} == {"encrypt"}


def test_a_small_mail_to_a_domain_that_publishes_many_keys(site: Site) -> None:
    site.wkd.publish(CAROL, b"".join(make_keypair(f"<{CAROL}>").public for _ in range(40)))
    assert site.send(CAROL, 1000).startswith("250")
    (row,) = site.relay.trace("--to", CAROL)
    assert row["action"] == "encrypt"


def test_what_mails_do_not_wait_for_is_nice(site: Site) -> None:
    site.send(BOB, 3 * LARGE)
    nice = [nice_of(pid) for pid in Family(site.relay.pid).descendants()]
    assert (as_nice(NICE) in nice) == site.may_be_nice


def test_a_directory_is_asked(site: Site) -> None:
    """The one that nobody serves: who asks it lives, and says so."""
    with closed_port() as port:
        server = {"url": f"ldap://127.0.0.1:{port}", "base": "dc=x", "starttls": False, "timeout": "14s"}
        with Relay({"lookup": {"sources": ["ldap"], "ldap": [server]}}) as relay:
            relay.program = site.relay.program
            told = relay.run("keys", "lookup", BOB, "--json", check=False).stdout
    assert [row["reason"] for row in json.loads(told)] == [Reason.UNREACHABLE]
