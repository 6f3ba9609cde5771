"""The outlet against next hops that fail, close, hang and lie."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from lab.clock import leap
from lab.nexthop import EXTENSIONS, Drop, Hang, Say, ScriptedHop, Wait
from lab.tls import Identity, make_identity

from relay.config import Endpoint
from relay.model import Address, Envelope, Recipient
from relay.model.errors import NextHopError
from relay.smtp.connecting import Timeouts
from relay.smtp.outlet import SmtpOutlet

MAIL = b"Subject: x\r\n\r\nbody\r\n"
SOON = 30
"""Seconds in which a busy machine does what is done at once; the timeouts themselves are longer, or `QUICK`."""
QUICK = Timeouts(step=0.2, final_dot=0.4)
"""For what fails in any case: a step that should succeed may take longer on a busy machine."""


@asynccontextmanager
async def delivering(hop: ScriptedHop, **options: Any) -> AsyncIterator[SmtpOutlet]:  # noqa: ANN401  passed on
    async with hop:
        outlet = SmtpOutlet(Endpoint.parse(hop.url), hostname="relay.example", **options)
        yield outlet
        await outlet.close()


def envelope(*recipients: str, sender: str = "a@b.example", **fields: Any) -> Envelope:  # noqa: ANN401  passed on
    return Envelope(Address(sender), tuple(Recipient(Address(r)) for r in recipients or ("1@x",)), **fields)


# Kept connections


async def test_connections_are_kept_between_messages() -> None:
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        for _ in range(5):
            assert (await outlet.send(envelope(), MAIL))[0].accepted
        await outlet.close()
        await hop.until("QUIT")
        assert hop.connections == 1
        assert [c.split(" ")[0] for c in hop.commands] == ["EHLO", *["MAIL", "RCPT", "DATA"] * 5, "QUIT"]


async def test_a_connection_closed_while_idle_is_replaced_without_an_error_or_a_second_copy() -> None:
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        await outlet.send(envelope(), MAIL)
        await hop.hang_up()
        assert (await outlet.send(envelope(), MAIL))[0].accepted
        assert len(hop.messages) == 2
        assert hop.connections == 2


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("fault", [Drop(), Drop(reset=True), Say("421 4.4.2 Timeout", close=True)])
async def test_a_kept_connection_that_fails_before_the_content_is_replaced_once(step: str, fault: Drop | Say) -> None:
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        await outlet.send(envelope(), MAIL)
        hop.at[step] = [fault]
        assert (await outlet.send(envelope(), MAIL))[0].accepted
        assert hop.connections == 2
        assert len(hop.messages) == 2
        hop.at[step] = [fault, fault]
        with pytest.raises(NextHopError):
            await outlet.send(envelope(), MAIL)
        assert len(hop.messages) == 2


@pytest.mark.parametrize("step", ["body", "."])
async def test_a_kept_connection_that_fails_after_content_was_sent_is_not_tried_again(step: str) -> None:
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        await outlet.send(envelope(), MAIL)
        hop.at[step] = Drop()
        with pytest.raises(NextHopError):
            await outlet.send(envelope(), MAIL * 100_000)
        assert hop.connections == 1
        assert sum(c == "DATA" for c in hop.commands) == 2


async def test_a_farewell_on_an_idle_connection_is_not_taken_for_an_answer() -> None:
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        await outlet.send(envelope(), MAIL)
        (task,) = hop._tasks
        writer = hop.writers[-1]
        writer.write(b"250 2.0.0 Surprise\r\n")
        await writer.drain()
        await hop.until_closed()
        assert task.done()
        hop.at["RCPT"] = [Say("550 5.1.1 No")]
        assert (await outlet.send(envelope(), MAIL))[0].code == 550
        assert hop.connections == 2


async def test_a_connection_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.smtp.pool.IDLE", 0.05)
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        await outlet.send(envelope(), MAIL)
        await asyncio.sleep(0.06)
        await outlet.send(envelope(), MAIL)
        assert hop.connections == 2


async def test_a_connection_seen_to_close_is_not_handed_out() -> None:
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        await outlet.send(envelope(), MAIL)
        await hop.hang_up()
        (connection,) = (each for _, each in outlet._pool._kept)
        while connection.alive:  # noqa: ASYNC110  nobody waits for the end of an idle connection: there is no event
            await asyncio.sleep(0)
        assert outlet._pool.kept() is None


async def test_after_a_refused_message_the_connection_is_reset_and_kept() -> None:
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        hop.at["RCPT"] = [Say("550 5.1.1 No")]
        await outlet.send(envelope(xforward=(("NAME", "one"),)), MAIL)
        await outlet.send(envelope(), MAIL)
        assert hop.connections == 1
        assert hop.messages[0].xforward == []
        verbs = [c.split(" ")[0] for c in hop.commands]
        assert verbs == ["EHLO", "XFORWARD", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize("pipelining", [True, False])
async def test_recipients_who_are_accepted_get_the_mail_beside_one_who_is_refused(pipelining: bool) -> None:
    hop = ScriptedHop(extensions=[word for word in EXTENSIONS if pipelining or word != "PIPELINING"])
    hop.at["RCPT TO:<2@x>"] = [Say("450 4.2.1 Later")]
    async with delivering(hop) as outlet:
        given = await outlet.send(envelope("1@x", "2@x", "3@x"), MAIL)
        assert [reply.code for reply in given] == [250, 450, 250]
        assert [m.rcpts for m in hop.messages] == [["RCPT TO:<1@x>", "RCPT TO:<3@x>"]]


@pytest.mark.parametrize("refusal", ["451 4.3.0 Not now", "554 5.7.1 Never"])
async def test_what_a_refused_final_dot_leaves_open_does_not_refuse_the_next_message(refusal: str) -> None:
    """Postfix's smtpd_end_of_data_restrictions do: "503 nested MAIL command", and that mail was bounced."""
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        hop.at["."] = [Say(refusal)]
        assert (await outlet.send(envelope(), MAIL))[0].code == int(refusal[:3])
        assert (await outlet.send(envelope(), MAIL))[0].accepted
        assert hop.connections == 1


async def test_never_more_connections_than_the_pool_has_room_for() -> None:
    hop = ScriptedHop()
    go = asyncio.Event()
    hop.at["."] = Wait(go)
    async with delivering(hop, pool_size=3) as outlet:
        sending = [asyncio.create_task(outlet.send(envelope(), MAIL)) for _ in range(10)]
        await hop.until(".", 3)
        go.set()
        assert all(reply.accepted for (reply,) in await asyncio.gather(*sending))
        assert hop.most_open == 3
        assert len(hop.messages) == 10


async def test_waiting_too_long_for_a_free_connection_is_a_next_hop_error() -> None:
    hop = ScriptedHop()
    hop.at["."] = Hang()
    async with delivering(hop, pool_size=1) as outlet:
        hanging = asyncio.create_task(outlet.send(envelope(), MAIL))
        await hop.until(".")
        waiting = asyncio.create_task(outlet.send(envelope(), MAIL))
        await asyncio.sleep(0)
        leap(Timeouts().step + 1)
        with pytest.raises(NextHopError, match="every connection to the next hop is busy"):
            await waiting
        leap(Timeouts().final_dot)
        with pytest.raises(NextHopError, match="no answer in time"):
            await hanging
        hop.at.clear()
        assert (await outlet.send(envelope(), MAIL))[0].accepted


async def test_a_cancelled_delivery_leaves_no_half_used_connection() -> None:
    hop = ScriptedHop()
    hop.at["DATA"] = [Hang()]
    async with delivering(hop) as outlet:
        sending = asyncio.create_task(outlet.send(envelope("cancelled@x"), MAIL))
        await hop.until("DATA")
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        async with asyncio.timeout(SOON):
            await hop.until_closed()
        assert (await outlet.send(envelope("2@x"), MAIL))[0].accepted
        assert hop.connections == 2
        assert [m.rcpts for m in hop.messages] == [["RCPT TO:<2@x>"]]


async def test_a_connection_that_was_refused_a_hello_is_not_left_open() -> None:
    hop = ScriptedHop()
    hop.at["EHLO"] = Say("550 5.7.1 No")
    async with delivering(hop) as outlet:
        with pytest.raises(NextHopError):
            await outlet.send(envelope(), MAIL)
        async with asyncio.timeout(SOON):
            await hop.until_closed()


# Timeouts and lies


@pytest.mark.parametrize("step", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_a_next_hop_that_hangs_is_a_next_hop_error_in_time(step: str) -> None:
    hop = ScriptedHop()
    hop.at[step] = Hang()
    async with delivering(hop, timeouts=QUICK) as outlet:
        async with asyncio.timeout(SOON):
            with pytest.raises(NextHopError):
                await outlet.send(envelope(), MAIL)
            await hop.until_closed()


async def test_a_next_hop_that_stops_reading_is_a_next_hop_error_in_time() -> None:
    hop = ScriptedHop()
    hop.at["body"] = Hang(reading=False)
    async with delivering(hop) as outlet:
        sending = asyncio.create_task(outlet.send(envelope(), MAIL * 1_000_000))
        while not sending.done():
            await asyncio.sleep(0.01)
            if hop.hanging:
                leap(Timeouts().step)  # whenever it has begun to wait
        with pytest.raises(NextHopError, match="does not read"):
            await sending


async def test_a_next_hop_slow_at_every_recipient_is_given_up() -> None:
    hop = ScriptedHop()
    answers = [asyncio.Event() for _ in range(100)]
    hop.at["RCPT"] = [Wait(answer) for answer in answers]
    async with delivering(hop) as outlet:
        sending = asyncio.create_task(outlet.send(envelope(*(f"{n}@x" for n in range(100))), MAIL))
        await hop.until("RCPT")
        for answer in answers:
            answer.set()
            await asyncio.sleep(0.01)
            leap(Timeouts().step / 8)  # each within a step's time, also where some of them come late
            if sending.done():
                break
        with pytest.raises(NextHopError, match="slow"):
            await sending


async def test_the_final_dot_has_a_time_of_its_own() -> None:
    hop = ScriptedHop()
    go = asyncio.Event()
    hop.at["."] = Wait(go)
    async with delivering(hop) as outlet:
        sending = asyncio.create_task(outlet.send(envelope(), MAIL))
        await hop.until(".")
        leap(2 * Timeouts().step)
        await asyncio.sleep(0.01)
        go.set()
        assert (await sending)[0].accepted


@pytest.mark.parametrize("line", ["354 More?", "150 Hm", "999 Hm", "25 Hm", "x", "250 " + "x" * 40_000])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "."])
async def test_an_answer_that_is_none_is_a_next_hop_error(step: str, line: str) -> None:
    hop = ScriptedHop()
    hop.at[step] = Say(line)
    async with delivering(hop, timeouts=QUICK) as outlet:
        with pytest.raises(NextHopError):
            await outlet.send(envelope(), MAIL)


async def test_a_reply_without_an_end_is_given_up_before_it_fills_the_memory() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 " + b"x" * 100_000)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        left.set()

    left = asyncio.Event()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    place = Endpoint("smtp", "127.0.0.1", server.sockets[0].getsockname()[1])
    outlet = SmtpOutlet(place, hostname="relay.example", timeouts=Timeouts(step=60))
    async with asyncio.timeout(SOON):
        with pytest.raises(NextHopError):
            await outlet.send(envelope(), MAIL)
        await left.wait()
    server.close()


async def test_data_answered_with_250_is_not_a_delivery() -> None:
    hop = ScriptedHop()
    hop.at["DATA"] = Say("250 2.0.0 Taken", close=True)
    async with delivering(hop) as outlet:
        with pytest.raises(NextHopError):
            await outlet.send(envelope(), MAIL)


@pytest.mark.parametrize("close", [True, False])
async def test_250_before_the_end_of_the_message_is_not_a_delivery(close: bool) -> None:
    hop = ScriptedHop()
    hop.at["body"] = Say("250 2.0.0 Taken", close=close)
    async with delivering(hop) as outlet:
        with pytest.raises(NextHopError):
            await outlet.send(envelope(), MAIL * 500_000)


@pytest.mark.parametrize("close", [True, False])
async def test_a_refusal_in_the_middle_of_the_message_is_the_answer(close: bool) -> None:
    hop = ScriptedHop()
    hop.at["body"] = Say("552 5.3.4 Too large", close=close)
    async with delivering(hop) as outlet:
        given = await outlet.send(envelope("1@x", "2@x"), MAIL * 500_000)
        assert [str(reply) for reply in given] == ["552 5.3.4 The next hop refused the message"] * 2
        hop.at.clear()
        assert (await outlet.send(envelope(), MAIL))[0].accepted
        assert hop.connections == 2  # on the first, the rest of the message would be taken for commands


async def test_an_answer_after_the_content_is_not_quoted() -> None:
    hop = ScriptedHop()
    hop.at["."] = Say("554 5.7.1 Your words 'secret subject' are spam")
    async with delivering(hop) as outlet:
        (reply,) = await outlet.send(envelope(), MAIL)
        assert str(reply) == "554 5.7.1 The next hop refused the message"


async def test_of_an_answer_of_several_lines_the_first_has_the_status() -> None:
    hop = ScriptedHop()
    hop.at["RCPT"] = Say("550-5.1.1 No such\r\n550-5.1.1 user\r\n550 5.1.1 here")
    async with delivering(hop) as outlet:
        (reply,) = await outlet.send(envelope(), MAIL)
        assert str(reply) == "550 5.1.1 The next hop refused the recipient"


# LMTP


async def test_lmtp_answers_are_each_recipients_own() -> None:
    hop = ScriptedHop(lmtp=True)
    hop.at["RCPT TO:<2@x>"] = Say("550 5.1.1 No")
    hop.at["."] = Say("250 2.0.0 One\r\n452 4.2.2 Full\r\n550 5.2.1 Off")
    async with delivering(hop) as outlet:
        given = await outlet.send(envelope("1@x", "2@x", "3@x", "4@x"), MAIL)
        assert [str(reply)[:9] for reply in given] == ["250 2.0.0", "550 5.1.1", "452 4.2.2", "550 5.2.1"]


async def test_lmtp_answers_that_came_before_a_drop_count() -> None:
    hop = ScriptedHop(lmtp=True)
    hop.at["."] = Say("250 2.0.0 One", close=True)
    async with delivering(hop) as outlet:
        given = await outlet.send(envelope("1@x", "2@x"), MAIL)
        assert [str(reply)[:9] for reply in given] == ["250 2.0.0", "451 4.4.1"]


async def test_an_lmtp_answer_too_many_ends_the_connection_and_not_the_mail() -> None:
    hop = ScriptedHop(lmtp=True)
    hop.at["."] = [Say("250 2.0.0 One\r\n550 5.0.0 Two")]
    async with delivering(hop) as outlet:
        assert (await outlet.send(envelope("1@x"), MAIL))[0].accepted
        assert (await outlet.send(envelope("1@x"), MAIL))[0].accepted
        assert hop.connections == 2


# The envelope


async def test_the_envelope_goes_on_as_it_came() -> None:
    hop = ScriptedHop()
    recipient = Recipient(Address("Bob@X.example"), ("NOTIFY=Never", "ORCPT=rfc822;BoB@x"))
    given = Envelope(
        Address("A@b.example"),
        (recipient,),
        ("RET=hdrs", "ENVID=aBc", "BODY=8BITMIME"),
        (("NAME", "c.example"), ("IDENT", "4F3"), ("HELO", "h" * 255), ("SOURCE", "s" * 250)),
    )
    async with delivering(hop) as outlet:
        await outlet.send(given, MAIL)
        (message,) = hop.messages
        assert message.mail == f"MAIL FROM:<A@b.example> RET=hdrs ENVID=aBc BODY=8BITMIME SIZE={len(MAIL)}"
        assert message.rcpts == ["RCPT TO:<Bob@X.example> NOTIFY=Never ORCPT=rfc822;BoB@x"]
        assert message.xforward == [
            f"XFORWARD NAME=c.example IDENT=4F3 HELO={'h' * 255}",
            f"XFORWARD SOURCE={'s' * 250}",
        ]


async def test_xforward_refused_does_not_stop_the_mail() -> None:
    hop = ScriptedHop()
    hop.at["XFORWARD"] = Say("550 5.7.0 Insufficient authorization")
    async with delivering(hop) as outlet:
        assert (await outlet.send(envelope(xforward=(("NAME", "c"),)), MAIL))[0].accepted


async def test_smtputf8_is_passed_on_or_refused_and_never_spoilt() -> None:
    utf8 = envelope("ü@x.example", sender="jörg@b.example", options=("SMTPUTF8",))
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        assert (await outlet.send(utf8, MAIL))[0].accepted
        assert hop.messages[0].rcpts == ["RCPT TO:<ü@x.example>"]
    hop = ScriptedHop(extensions=[e for e in EXTENSIONS if e != "SMTPUTF8"])
    async with delivering(hop) as outlet:
        assert str((await outlet.send(utf8, MAIL))[0]).startswith("553 5.6.7 ")
        assert hop.messages == []
        assert (await outlet.send(envelope(), MAIL))[0].accepted


async def test_eight_bits_go_on_unchanged_without_8bitmime() -> None:
    hop = ScriptedHop(extensions=("PIPELINING",))
    content = "Subject: ü\r\n\r\nGrüße\r\n".encode("latin-1")
    async with delivering(hop) as outlet:
        assert (await outlet.send(envelope(options=("BODY=8BITMIME",)), content))[0].accepted
        assert hop.messages[0].content == content
        assert hop.messages[0].mail == "MAIL FROM:<a@b.example>"


async def test_an_option_with_a_line_break_is_never_sent() -> None:
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        with pytest.raises(NextHopError):
            await outlet.send(envelope(options=("RET=FULL\r\nRCPT TO:<evil@x>",)), MAIL)
        assert [c for c in hop.commands if c != "QUIT" and not c.startswith("EHLO")] == []


async def test_thousands_of_recipients_are_pipelined() -> None:
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        given = await outlet.send(envelope(*(f"r{n}@x.example" for n in range(5000))), MAIL)
        assert len(given) == 5000
        assert all(reply.accepted for reply in given)


# TLS


async def test_starttls_is_demanded_and_checked(identity: Identity) -> None:
    hop = ScriptedHop(tls=identity.server())
    async with delivering(hop, tls=identity.client()) as outlet:
        assert (await outlet.send(envelope(), MAIL))[0].accepted
        assert hop.messages[0].tls
        assert [c.split(" ")[0] for c in hop.commands[:3]] == ["EHLO", "STARTTLS", "EHLO"]


async def test_without_starttls_nothing_is_sent(identity: Identity) -> None:
    hop = ScriptedHop()
    async with hop:
        outlet = SmtpOutlet(
            Endpoint("smtp+starttls", "127.0.0.1", hop.port), hostname="relay.example", tls=identity.client()
        )
        with pytest.raises(NextHopError, match="STARTTLS"):
            await outlet.send(envelope(), MAIL)
        assert [c.split(" ")[0] for c in hop.commands] == ["EHLO"]


async def test_a_certificate_nobody_vouches_for_is_refused(identity: Identity) -> None:
    hop = ScriptedHop(tls=identity.server())
    async with delivering(hop) as outlet:  # the system's authorities
        with pytest.raises(NextHopError, match="certificate"):
            await outlet.send(envelope(), MAIL)
        assert hop.messages == []


async def test_a_certificate_for_another_name_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    other = make_identity(tmp_path_factory.mktemp("other"), "DNS:other.example")
    hop = ScriptedHop(tls=other.server())
    async with delivering(hop, tls=other.client()) as outlet:
        with pytest.raises(NextHopError, match="certificate"):
            await outlet.send(envelope(), MAIL)


@pytest.mark.parametrize("fault", [Say("454 4.7.0 No TLS now"), Say("554 5.7.0 No"), Drop()])
async def test_a_refused_starttls_is_a_next_hop_error(fault: Say | Drop, identity: Identity) -> None:
    hop = ScriptedHop(tls=identity.server())
    hop.at["STARTTLS"] = fault
    async with delivering(hop, tls=identity.client()) as outlet:
        with pytest.raises(NextHopError):
            await outlet.send(envelope(), MAIL)


async def test_an_answer_injected_before_tls_is_not_read_after_it(identity: Identity) -> None:
    hop = ScriptedHop(tls=identity.server())
    hop.at["STARTTLS"] = Say("220 2.0.0 Go\r\n250-injected.example\r\n250 XFORWARD NAME")
    async with delivering(hop, tls=identity.client()) as outlet:
        with pytest.raises(NextHopError):
            await outlet.send(envelope(), MAIL)
        assert hop.messages == []


# Probe, memory


async def test_the_probe_says_hello_and_leaves() -> None:
    hop = ScriptedHop()
    async with delivering(hop) as outlet:
        await outlet.probe()
        await hop.until("QUIT")
        assert [c.split(" ")[0] for c in hop.commands] == ["EHLO", "QUIT"]
        hop.at["EHLO"] = Say("550 5.7.1 No")
        with pytest.raises(NextHopError, match="550"):
            await outlet.probe()


async def test_sending_50_mb_takes_no_copy_of_it() -> None:
    sizes: list[int] = []

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        for answer in (b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 x\r\n"):
            await reader.readline()
            writer.write(answer)
        size, tail = 0, b""
        while not tail.endswith(b"\r\n.\r\n"):
            piece = await reader.read(1 << 16)
            size, tail = size + len(piece), (tail + piece)[-5:]
        sizes.append(size)
        writer.write(b"250 x\r\n")
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    content = b".dots and text\r\n" * 3_125_000
    outlet = SmtpOutlet(Endpoint("smtp", "127.0.0.1", server.sockets[0].getsockname()[1]), hostname="relay.example")
    tracemalloc.start()
    given = await outlet.send(envelope(), content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert given[0].accepted
    assert sizes == [len(content) + 3_125_000 + 3]
    assert peak < 5_000_000
    await outlet.close()
    server.close()
