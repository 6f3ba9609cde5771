"""The client leaves at each step of DATA, and sends again: nobody is served twice, and nothing is lost."""

from __future__ import annotations

import asyncio

import pytest
from lab.bed import ANNA, BERTA, CARL, RITA, Bed
from lab.client import Client
from lab.mta import Mail
from lab.nexthop import Wait
from lab.waiting import until

pytestmark = pytest.mark.waits

MAILS = {"one": (ANNA,), "two": (ANNA, BERTA), "three": (ANNA, CARL, RITA)}
STEPS = ("MAIL", "RCPT", "DATA", "middle", "before the final dot", "without the last LF")


def write(bed: Bed, which: str) -> Mail:
    return bed.letter(ANNA, hidden=(BERTA,)) if which == "two" else bed.letter(*MAILS[which])


async def begin(client: Client, mail: Mail, step: str) -> None:
    """The dialogue up to that step."""
    await client.hello()
    await client.say(f"MAIL FROM:<{mail.sender}>")
    if step == "MAIL":
        return
    for recipient in mail.recipients:
        await client.say(f"RCPT TO:<{recipient}>")
    if step == "RCPT":
        return
    await client.say("DATA")
    whole = mail.content.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    cut = {"DATA": 0, "middle": len(whole) // 2, "before the final dot": -3, "without the last LF": -1}
    await client.write(whole[: cut.get(step, len(whole))])


@pytest.mark.parametrize("which", MAILS)
@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("step", STEPS)
async def test_the_client_leaves_before_the_final_dot(bed: Bed, step: str, reset: bool, which: str) -> None:
    async with bed.hop() as hop:
        mail = write(bed, which)
        async with Client(bed.url) as client:
            await begin(client, mail, step)
            if reset:
                client.reset()
        assert await bed.mta.until_final(mail) == ["250 2.0.0"] * len(mail.recipients)
        bed.assert_served(hop, mail)


@pytest.mark.parametrize("which", MAILS)
@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("waits", [True, False], ids=["until all is done", "not a moment"])
async def test_the_client_leaves_while_its_mail_is_on_its_way(bed: Bed, reset: bool, waits: bool, which: str) -> None:
    """It sends again at once, while its first attempt goes on, or later: it meets what the first attempt has done."""
    async with bed.hop() as hop:
        gate = asyncio.Event()
        hop.at["."] = [Wait(gate)]
        mail, before, left = write(bed, which), received(bed), unanswered(bed)
        async with Client(bed.url) as client:
            await begin(client, mail, "all")
            await hop.until(".")
            if reset:
                client.reset()
        again = asyncio.create_task(bed.mta.attempt(mail)) if not waits else None
        await until(lambda: received(bed) == before + (2 if again else 1))
        gate.set()
        if again:
            await again
        else:
            await until(lambda: unanswered(bed) > left)
        await bed.mta.until_final(mail)
        assert [mail.last(r) for r in mail.recipients] == ["250 2.0.0"] * len(mail.recipients)
        bed.assert_served(hop, mail)


def received(bed: Bed) -> int:
    """How many mails the relay has had whole."""
    return _told(bed, "received")


def unanswered(bed: Bed) -> int:
    """How often it has told that nobody was there for its answers."""
    return _told(bed, "unanswered")


def _told(bed: Bed, event: str) -> int:
    return sum(line["event"] == event for line in bed.relay.events)


@pytest.mark.parametrize("which", MAILS)
async def test_the_same_mail_in_two_connections_at_the_same_moment(bed: Bed, which: str) -> None:
    """No MTA does so. Each is a mail of its own, as it would be one after the other: served once for each 250."""
    async with bed.hop() as hop:
        first, second = write(bed, which), None
        second = Mail(first.recipients, first.content)
        both = await asyncio.gather(bed.mta.attempt(first), bed.mta.attempt(second))
        assert [*both] == [["250 2.0.0"] * len(first.recipients)] * 2
        bed.assert_served(hop, first, doubles=len(first.recipients))
