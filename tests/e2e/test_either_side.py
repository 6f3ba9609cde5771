"""Postfix on either side of a bare pass-through: as the inlet's client and as the outlet's next hop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from lab.inlets import passing
from lab.nexthop import Say, ScriptedHop
from lab.postfix import Postfix
from lab.waiting import wait_for

from relay.config import Endpoint
from relay.model import Address, Envelope, Recipient
from relay.smtp.outlet import SmtpOutlet

pytestmark = pytest.mark.waits

Recipients = list[str | tuple[str, Sequence[str]]]

MAIL = b"From: a@b.example\r\nSubject: x\r\n\r\n.body\r\n..\r\n"


def is_deferred(postfix: Postfix) -> bool:
    return any(mail["queue_name"] == "deferred" for mail in postfix.queue())


async def test_postfix_as_client_retries_the_deferred_recipient_alone() -> None:
    """Three recipients in one DATA: sent, bounced and deferred one by one, with XFORWARD and DSN in place."""
    async with ScriptedHop(lmtp=True) as hop, passing("lmtp://127.0.0.1:0", hop.url) as running:
        hop.at["RCPT TO:<no@x.example>"] = Say("550 5.1.1 No such user")
        hop.at["RCPT TO:<later@x.example>"] = [Say("450 4.2.1 Later")]
        with Postfix(lmtp=running.port) as postfix:
            recipients: Recipients = [
                "yes@x.example",
                ("no@x.example", ("NOTIFY=NEVER",)),
                "later@x.example",
            ]
            queue_id = await asyncio.to_thread(
                postfix.submit, "A@b.example", recipients, MAIL, options=("RET=HDRS", "ENVID=aBc+2B")
            )
            await asyncio.to_thread(wait_for, lambda: is_deferred(postfix), "the mail is put off")
            await asyncio.to_thread(postfix.flush)
            await asyncio.to_thread(postfix.wait_empty)
            pattern = queue_id + r": to=<(\w+)@x.example>.*status=(\w+)"
            found: Sequence[Any] = await asyncio.to_thread(postfix.wait_log, pattern, times=4)
            states = dict(found)
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
            assert len(await asyncio.to_thread(postfix.wait_log, "orig_queue_id=4F3ABC", times=3)) == 3
            log = postfix.log
            assert "orig_client=pc.example[192.0.2.7]" in log
            assert log.count(" connect from ") == 1
            await outlet.close()
        assert len(end.messages) == 3
        assert all(m.content.endswith(b"\r\n\r\n.body\r\n..\r\n") for m in end.messages)
        assert "ORCPT=rfc822;BoB@d.example" in end.messages[0].rcpts[0]
        assert "RET=HDRS" in end.messages[0].mail
