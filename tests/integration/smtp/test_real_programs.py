"""Postfix's load tools and swaks on both sides of a bare pass-through: inlet -> outlet, nothing between."""

from __future__ import annotations

import asyncio
import os
import shutil

import pytest
from lab.inlets import passing
from lab.nexthop import Say, ScriptedHop
from lab.ports import free_port

from relay.config import Endpoint
from relay.model.errors import NextHopError
from relay.smtp.outlet import SmtpOutlet

needs_tools = pytest.mark.skipif(not shutil.which("smtp-source"), reason="Postfix's smtp-source is not here")
needs_swaks = pytest.mark.skipif(not shutil.which("swaks"), reason="swaks is not here")


async def run(*words: str, code: int = 0) -> str:
    program = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        output = (await program.communicate())[0].decode(errors="replace")
    assert program.returncode == code, output
    return output


async def listening(url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                return await SmtpOutlet(Endpoint.parse(url), hostname="relay.example").probe()
            except NextHopError:
                await asyncio.sleep(0.02)


@needs_tools
@pytest.mark.parametrize("options", [("-d",), (), ("-L", "-d"), ("-L", "-r", "5")])
async def test_smtp_source_to_a_recording_next_hop(options: tuple[str, ...]) -> None:
    url = "lmtp://127.0.0.1:0" if "-L" in options else "smtp://127.0.0.1:0"
    async with ScriptedHop() as hop, passing(url, hop.url) as running:
        await run(
            "smtp-source", *options, "-s", "10", "-m", "200", "-l", "3000", "-f", "a@b.example", "-t", "c@d.example",
            f"127.0.0.1:{running.port}",
        )  # fmt: skip
        assert len(hop.messages) == 200
        assert sorted(m.content for m in hop.messages) == sorted(i.content for i in running.got)
        assert hop.connections <= 20
        await running.until(told=200)
        assert all(running.told)


@needs_tools
async def test_to_smtp_sink_on_kept_connections() -> None:
    port = free_port()
    user = ["-u", "postfix"] if os.geteuid() == 0 else []
    sink = await asyncio.create_subprocess_exec("smtp-sink", *user, f"127.0.0.1:{port}", "100")
    try:
        async with passing("smtp://127.0.0.1:0", f"smtp://127.0.0.1:{port}") as running:
            await listening(f"smtp://127.0.0.1:{port}")
            await run("smtp-source", "-d", "-s", "10", "-m", "300", "-l", "100000", f"127.0.0.1:{running.port}")
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
            "swaks", "--protocol", protocol, "--server", "127.0.0.1", "--port", str(running.port),
            "--from", "a@b.example", "--to", "1@x.example,2@x.example", "--body", ".dots\n..\nend",
            code=0 if protocol == "LMTP" else 26,
        )  # fmt: skip
        assert "550 5.1.1 The next hop refused the recipient" in output
        assert "No such user" not in output
        assert b"\r\n.dots\r\n..\r\nend\r\n" in hop.messages[0].content
