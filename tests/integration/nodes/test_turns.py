"""One attempt at a transaction at a time over all nodes: nobody gets a mail twice, whoever stands still or leaves."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable

import pytest
from lab.cluster import BEFORE_THE_HAND_OVER, Node, Wire, cluster
from lab.mta import Mail, letter
from lab.nexthop import ScriptedHop, Wait
from lab.postgresql import PostgreSQL
from lab.stopwatch import Stopwatch
from lab.waiting import until

pytestmark = pytest.mark.waits

# While the file `impatient` is there, what takes half a second is no answer; the server waits for the next word of a
# session for ten seconds.
SOON_PUT_ASIDE = """
import pathlib
from relay.store import turns
turns.SILENT_SECONDS, turns.BEAT = 10.0, 0.1
usual, say, real = turns.ANSWER_SECONDS, turns.Turns._say, turns.Turns._put_aside
async def say_in_time(self, session, statement):
    turns.ANSWER_SECONDS = 0.5 if pathlib.Path("impatient").exists() else usual
    return await say(self, session, statement)
turns.Turns._say = say_in_time
def put_aside(self, session):
    real(self, session)
    with pathlib.Path("aside").open("a") as file:
        file.write("x")
turns.Turns._put_aside = put_aside
"""
OK = "250 2.0.0"
FAILED = "451 4.3.0"
MAILS = 40


def mail(number: str) -> Mail:
    return letter(number, ("anna@open.example",))


async def leave_and_try_the_other(first: Node, then: Node, sent: Mail, after: float) -> None:
    client = await first.begin(sent)
    await asyncio.sleep(after)
    client.reset()
    await then.mta.until_final(sent, attempts=60)


async def test_a_client_that_leaves_and_tries_the_other_node_has_its_mail_delivered_once(
    database: str, hop: ScriptedHop, record_property: Callable[[str, object], None]
) -> None:
    slow = asyncio.Event()
    seeded = random.Random(15)  # noqa: S311  the same moments in every run
    with cluster(database, hop.port) as (one, other):
        hop.at["."] = Wait(slow)
        asyncio.get_running_loop().call_later(1.5, slow.set)
        mails = [mail(f"m{n}") for n in range(MAILS)]
        pairs = [(one, other) if n % 2 else (other, one) for n in range(MAILS)]
        tasks = [
            leave_and_try_the_other(*pair, sent, seeded.uniform(0, 1.0))
            for pair, sent in zip(pairs, mails, strict=True)
        ]
        await asyncio.gather(*tasks)
        await until(lambda: len(hop.messages) >= MAILS)
    copies = Counter(next(n for n in range(MAILS) if f"<m{n}@".encode() in each.content) for each in hop.messages)
    assert len(copies) == MAILS
    twice = sum(count > 1 for count in copies.values())
    record_property("counted", f"{twice} of {MAILS} mails came twice whose client left and tried the other node")
    assert twice == 0


async def test_a_node_that_stands_still_gives_its_mail_up_in_time_and_hands_nothing_over_later(
    database: str, hop: ScriptedHop, record_property: Callable[[str, object], None]
) -> None:
    with cluster(database, hop.port, altered=BEFORE_THE_HAND_OVER) as (frozen, other):
        held = mail("held")
        client = await frozen.begin(held)
        await until(frozen.marked("here").exists)
        frozen.freeze()
        try:
            longest = 0.0
            with Stopwatch() as watch:
                while held.waiting:
                    begun = watch.seconds
                    assert await other.mta.attempt(held) in ([FAILED], [OK])
                    assert await other.mta.attempt(mail(f"beside{time.monotonic()}")) == [OK]
                    longest = max(longest, watch.seconds - begun)
            waited = watch.seconds
        finally:
            frozen.thaw()
        frozen.marked("go").touch()
        assert (await client.reply())[:9] == FAILED
        client.drop()
        frozen.wait_event("turn_lost")
        assert await frozen.mta.until_final(mail("after"), every=0.1) == [OK]
    record_property("counted", f"a mail that a frozen node held was taken by the other one after {waited:.1f} s")
    assert waited <= 10 + 2
    assert longest <= 5 + 1
    assert sum(b"<held@" in each.content for each in hop.messages) == 1


async def test_a_mail_that_another_node_works_on_is_put_off_and_not_waited_for_long(
    database: str, hop: ScriptedHop
) -> None:
    with cluster(database, hop.port, altered=BEFORE_THE_HAND_OVER) as (one, other):
        held = mail("held")
        client = await one.begin(held)
        await until(one.marked("here").exists)
        with Stopwatch() as watch:
            assert await other.mta.attempt(held) == [FAILED]
        assert watch.seconds < 6
        one.marked("go").touch()
        assert (await client.reply())[:9] == OK
        client.drop()
        assert len(hop.messages) == 1


async def test_a_mail_that_is_handed_over_while_the_database_is_slow_to_answer_is_nobody_elses(
    database: str, server: PostgreSQL, hop: ScriptedHop
) -> None:
    slow = asyncio.Event()
    hop.at["."] = Wait(slow)
    with (
        Wire(server.port) as wire,
        Node("alpha", database.replace(f":{server.port}/", f":{wire.port}/"), hop.port) as one,
        Node("beta", database, hop.port) as other,
    ):
        one.altered = SOON_PUT_ASIDE
        one.start()
        other.start()
        held = mail("held")
        client = await one.begin(held)
        await until(lambda: hop.bodies == 1)
        one.marked("impatient").touch()  # not before: a machine that stands still for a moment would refuse the mail
        wire.cut()
        await until(lambda: one.marked("aside").exists() and one.marked("aside").stat().st_size >= 3)
        one.marked("impatient").unlink()
        wire.heal()
        beside = mail("beside")
        attempts = asyncio.create_task(one.mta.until_final(beside, attempts=60))  # with a new session
        await until(lambda: hop.bodies == 2)
        begun = time.monotonic()
        while time.monotonic() < begun + 11:  # longer than the server waits for a session that is silent
            assert await other.mta.attempt(held) == [FAILED]
        slow.set()
        assert (await client.reply())[:9] == OK
        client.drop()
        await attempts
    assert sum(b"<held@" in each.content for each in hop.messages) == 1
