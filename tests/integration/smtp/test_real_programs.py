"""Postfix, its load tools and swaks on both sides of a bare pass-through: inlet -> outlet, nothing between."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from lab.inlets import Running, inlet
from lab.nexthop import Say, ScriptedHop
from lab.ports import free_port
from lab.postfix import Postfix
from lab.waiting import wait_for

from relay.config import Endpoint
from relay.errors import NextHopError
from relay.model import Address, Envelope, Inbound, Recipient, Reply
from relay.smtp.outlet import SmtpOutlet

MAIL = b"From: a@b.example\r\nSubject: x\r\n\r\n.body\r\n..\r\n"

needs_tools = pytest.mark.skipif(not shutil.which("smtp-source"), reason="Postfix's smtp-source is not here")
needs_swaks = pytest.mark.skipif(not shutil.which("swaks"), reason="swaks is not here")
needs_postfix = pytest.mark.skipif(not shutil.which("postfix"), reason="Postfix is not here")


@asynccontextmanager
async def passing(url: str, hop_url: str) -> AsyncIterator[Running]:
    outlet = SmtpOutlet(Endpoint.parse(hop_url), hostname="relay.example")

    async def process(inbound: Inbound) -> tuple[Reply, ...]:
        return await outlet.send(inbound.envelope, inbound.content)

    async with inlet(url, process) as running:
        yield running
    await outlet.close()


async def run(*words: str, code: int = 0) -> str:
    program = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        output = (await program.communicate())[0].decode(errors="replace")
    assert program.returncode == code, output
    return output


async def listening(url: str) -> None:
    for _ in range(200):
        try:
            return await SmtpOutlet(Endpoint.parse(url), hostname="relay.example").probe()
        except NextHopError:
            await asyncio.sleep(0.02)
    raise AssertionError(f"nobody listens on {url}")


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


@needs_tools
@pytest.mark.parametrize("options", [("-d",), (), ("-L", "-d"), ("-L", "-r", "5")])
async def test_smtp_source_to_a_recording_next_hop(options: tuple[str, ...]) -> None:
    url = "lmtp://127.0.0.1:0" if "-L" in options else "smtp://127.0.0.1:0"
    async with ScriptedHop() as hop, passing(url, hop.url) as running:
        await run(
            "smtp-source", *options, "-s", "10", "-m", "200", "-l", "3000", "-f", "a@b.example", "-t", "c@d.example",
            f"127.0.0.1:{port_of(running.url)}",
        )  # fmt: skip
        assert len(hop.messages) == 200
        assert sorted(m.content for m in hop.messages) == sorted(i.content for i in running.got)
        assert hop.connections <= 20
        await running.until(told=200)
        assert all(running.told)


@needs_tools
async def test_to_smtp_sink_on_kept_connections() -> None:
    port = free_port()
    sink = await asyncio.create_subprocess_exec("smtp-sink", "-u", "postfix", f"127.0.0.1:{port}", "100")
    try:
        async with passing("smtp://127.0.0.1:0", f"smtp://127.0.0.1:{port}") as running:
            await listening(f"smtp://127.0.0.1:{port}")
            await run("smtp-source", "-d", "-s", "10", "-m", "300", "-l", "100000", f"127.0.0.1:{port_of(running.url)}")
            await running.until(told=300)
            assert running.told == [True] * 300
    finally:
        sink.terminate()
        await sink.wait()


@needs_swaks
@pytest.mark.parametrize("protocol", ["LMTP", "ESMTP", "SMTP"])
async def test_swaks_by_hand(protocol: str) -> None:
    url = "lmtp://127.0.0.1:0" if protocol == "LMTP" else "smtp://127.0.0.1:0"
    async with ScriptedHop() as hop, passing(url, hop.url) as running:
        hop.at["RCPT TO:<2@x.example>"] = Say("550 5.1.1 No such user")
        output = await run(
            "swaks", "--protocol", protocol, "--server", "127.0.0.1", "--port", str(port_of(running.url)),
            "--from", "a@b.example", "--to", "1@x.example,2@x.example", "--body", ".dots\n..\nend",
            code=0 if protocol == "LMTP" else 26,
        )  # fmt: skip
        assert "550 5.1.1 No such user" in output
        assert b"\r\n.dots\r\n..\r\nend\r\n" in hop.messages[0].content


def is_deferred(postfix: Postfix) -> bool:
    return any(mail["queue_name"] == "deferred" for mail in postfix.queue())


@needs_postfix
async def test_postfix_as_client_retries_the_deferred_recipient_alone() -> None:
    """Three recipients in one DATA: sent, bounced and deferred one by one, with XFORWARD and DSN in place."""
    async with ScriptedHop(lmtp=True) as hop, passing("lmtp://127.0.0.1:0", hop.url) as running:
        hop.at["RCPT TO:<no@x.example>"] = Say("550 5.1.1 No such user")
        hop.at["RCPT TO:<later@x.example>"] = [Say("450 4.2.1 Later")]
        with Postfix(lmtp=port_of(running.url)) as postfix:
            recipients = ["yes@x.example", ("no@x.example", ("NOTIFY=NEVER",)), "later@x.example"]
            queue_id = await asyncio.to_thread(
                postfix.submit, "A@b.example", recipients, MAIL, options=("RET=HDRS", "ENVID=aBc+2B")
            )
            await asyncio.to_thread(wait_for, lambda: is_deferred(postfix), "the mail is put off")
            await asyncio.to_thread(postfix.flush)
            await asyncio.to_thread(postfix.wait_empty)
            states = dict(re.findall(queue_id + r": to=<(\w+)@x.example>.*status=(\w+)", postfix.log))
            assert states == {"yes": "sent", "no": "bounced", "later": "sent"}
        first, second = running.got
        assert [str(r.address) for r in second.envelope.recipients] == ["later@x.example"]
        assert first.envelope.queue_id == queue_id
        assert ("ADDR", "127.0.0.1") in first.envelope.xforward
        assert set(first.envelope.options) == {"RET=HDRS", "ENVID=aBc+2B"}
        assert first.protocol == "LMTP"
        assert any("NOTIFY=NEVER" in r.options for r in first.envelope.recipients)
        assert [m.rcpts[0].split(" ")[1] for m in hop.messages] == ["TO:<yes@x.example>", "TO:<later@x.example>"]
        assert [m.content for m in hop.messages] == [first.content, second.content]
        assert first.content.endswith(b"\r\n\r\n.body\r\n..\r\n")


@needs_postfix
async def test_postfix_as_next_hop_learns_the_front_queue_id() -> None:
    async with ScriptedHop() as end:
        with Postfix(relayhost=end.port, main={"smtpd_authorized_xforward_hosts": "127.0.0.0/8"}) as postfix:
            outlet = SmtpOutlet(Endpoint("smtp", "127.0.0.1", postfix.port), hostname="relay.example")
            recipient = Recipient(Address("c@d.example"), ("NOTIFY=FAILURE", "ORCPT=rfc822;BoB@d.example"))
            envelope = Envelope(
                Address("a@b.example"),
                (recipient,),
                ("RET=HDRS", "BODY=8BITMIME"),
                (("NAME", "pc.example"), ("ADDR", "192.0.2.7"), ("IDENT", "4F3ABC"), ("SOURCE", "REMOTE")),
            )
            for _ in range(3):
                (reply,) = await outlet.send(envelope, MAIL)
                assert reply.accepted
            await asyncio.to_thread(postfix.wait_empty)
            log = postfix.log
            assert log.count("orig_queue_id=4F3ABC") == 3
            assert "orig_client=pc.example[192.0.2.7]" in log
            assert log.count(" connect from ") == 1
            await outlet.close()
        assert len(end.messages) == 3
        assert all(m.content.endswith(b"\r\n\r\n.body\r\n..\r\n") for m in end.messages)
        assert "ORCPT=rfc822;BoB@d.example" in end.messages[0].rcpts[0]
        assert "RET=HDRS" in end.messages[0].mail
