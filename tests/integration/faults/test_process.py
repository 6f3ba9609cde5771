"""The relay is stopped, killed and reconfigured while mail is on its way, over both inlets at once.

Killed at a step of a message, the relay has made nothing of that message but what the next hop had taken: that one copy
is RFC 1047's window, counted here; whoever had been served before is not served again.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from lab.bed import ANNA, BERTA, CARL, RITA, Bed, recipients
from lab.mta import Mail
from lab.nexthop import Hang, ScriptedHop, Wait
from lab.waiting import until

pytestmark = pytest.mark.waits

OK = "250 2.0.0"
MAILS = {"one": (ANNA,), "two": (ANNA, BERTA), "three": (ANNA, CARL, RITA)}
MESSAGES = {"one": 1, "two": 2, "three": 3}
"""What leaves for each: RITA's is the notice."""
STEPS = [
    *((step, 0) for step in ("connect", "EHLO", "MAIL", "RCPT", "DATA", "body", ".")),
    *((step, 1) for step in ("MAIL", "RCPT", "DATA", ".")),
    *((step, 2) for step in ("MAIL", ".")),
]
SEED = 7
PATIENT = {"gpg": "30s", "next_hop": "100s", "final_dot": "100s", "stop": "30s"}


@pytest.fixture(scope="module")
def patient() -> Iterator[Bed]:
    with Bed({"deadlines": PATIENT}) as made:
        yield made


@pytest.fixture
def running(patient: Bed) -> Iterator[Bed]:
    """Whatever a test did to it, it runs again for the next one."""
    yield patient
    if not patient.relay.running:
        patient.relay.start()


class Sent(NamedTuple):
    """A mail by way of one inlet, and the attempt at it."""

    bed: Bed
    mail: Mail
    attempt: asyncio.Task[list[str]]


def send(bed: Bed, which: str) -> Sent:
    mail = bed.letter(ANNA, hidden=(BERTA,)) if which == "two" else bed.letter(*MAILS[which])
    return Sent(bed, mail, asyncio.create_task(bed.mta.attempt(mail)))


async def send_to_step(bed: Bed, hop: ScriptedHop, step: str, served: int) -> list[Sent]:
    """A mail of each kind by way of each inlet: so many of its messages were taken, and the next is at that step."""
    sent: list[Sent] = []
    for which in (each for each, messages in MESSAGES.items() if messages > served):
        for scheme in ("lmtp", "smtp"):
            hop.at[step] = [*[usual()] * served, Hang()]
            sent.append(send(bed.over(scheme), which))
            await until(lambda: hop.hanging == len(sent))
    hop.at.clear()
    return sent


def usual() -> Wait:
    """The answer as always."""
    event = asyncio.Event()
    event.set()
    return Wait(event)


async def hold_at_the_dot(bed: Bed, hop: ScriptedHop) -> tuple[list[Sent], asyncio.Event]:
    """A mail of each kind by way of each inlet; the next hop answers for none until the event."""
    gate = asyncio.Event()
    hop.at["."] = Wait(gate)
    sent = [send(bed.over(scheme), which) for which in MAILS for scheme in ("lmtp", "smtp")]
    await hop.until(".", len(sent))
    return sent, gate


async def all_end_well(hop: ScriptedHop, sent: list[Sent], *, doubles: int = 0) -> None:
    for bed, mail, _ in sent:
        assert await bed.mta.until_final(mail) == [OK] * len(mail.recipients)
    for bed, mail, _ in sent:
        bed.assert_served(hop, mail, doubles=doubles)


@pytest.mark.parametrize(("step", "served"), STEPS)
async def test_the_relay_is_killed_at_every_step(running: Bed, step: str, served: int) -> None:
    """Those served before are in the ledger and in the trace; the one under way comes again."""
    async with running.hop() as hop:
        sent = await send_to_step(running, hop, step, served)
        running.relay.kill()
        for _, mail, attempt in sent:
            assert await attempt == [""] * len(mail.recipients)
        running.relay.start()
        await all_end_well(hop, sent)


@pytest.mark.parametrize("served", [0, 1, 2])
async def test_the_relay_is_killed_after_the_next_hop_took_the_message_and_before_it_said_so(
    running: Bed, served: int
) -> None:
    """RFC 1047: that one copy comes twice, those before it do not."""
    async with running.hop() as hop:
        hop.takes_unsaid = True
        sent = await send_to_step(running, hop, ".", served)
        running.relay.kill()
        await asyncio.gather(*(attempt for _, _, attempt in sent))
        running.relay.start()
        await all_end_well(hop, sent, doubles=1)


async def test_the_relay_is_killed_at_random_moments(running: Bed) -> None:
    """Of each mail that is under way, at most the one copy under way can come twice."""
    chance = random.Random(SEED)  # noqa: S311  moments, and the same ones in every run
    doubles = 0
    async with running.hop() as hop:
        for _ in range(8):
            sent = [send(running.over(scheme), chance.choice(list(MAILS))) for scheme in ("lmtp", "smtp", "lmtp")]
            await asyncio.sleep(chance.uniform(0, 0.15))
            running.relay.kill()
            await asyncio.gather(*(attempt for _, _, attempt in sent))
            running.relay.start()
            for bed, mail, attempt in sent:
                await bed.mta.until_final(mail)
                surplus = bed.surplus(hop, mail)
                assert surplus <= (0 if attempt.result() == [OK] * len(mail.recipients) else 1)
                bed.assert_served(hop, mail, doubles=surplus, forgotten=OK not in attempt.result())
                doubles += surplus
    print(f"killed 8 times at random moments (seed {SEED}): {doubles} of 24 copies twice, in RFC 1047's window")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_relay_that_is_stopped_finishes_what_is_on_its_way(running: Bed, number: signal.Signals) -> None:
    async with running.hop() as hop:
        sent, gate = await hold_at_the_dot(running, hop)
        before = running.relay.log.count('"stopping"')
        running.relay.signal(number)
        await until(lambda: running.relay.log.count('"stopping"') > before)
        gate.set()
        for _, mail, attempt in sent:
            assert await attempt == [OK] * len(mail.recipients)
        await asyncio.to_thread(running.relay.stop)
        running.relay.start()
        await all_end_well(hop, sent)


async def test_what_is_not_finished_within_the_grace_gets_no_250_and_comes_again(running: Bed) -> None:
    """The copy that the next hop had taken is in the ledger; the one that hangs there comes again."""
    before = running.relay.settings
    async with running.hop() as hop:
        running.reload({**before, "deadlines": {**PATIENT, "stop": "2s"}})
        sent = await send_to_step(running, hop, ".", 1)
        await asyncio.to_thread(running.relay.stop)
        for _, mail, attempt in sent:
            assert not any(reply.startswith("2") for reply in await attempt)
            assert len(mail.waiting) == len(mail.recipients)
            assert len(running.ledger(mail)) == 1
        running.relay.configure(before)
        running.relay.start()
        await all_end_well(hop, sent)


async def test_the_configuration_is_reloaded_in_mid_mail(running: Bed) -> None:
    """A mail keeps the rules it began with; the next one has the new ones, and a wrong file changes nothing."""
    before = running.relay.settings
    async with running.hop() as hop:
        sent, gate = await hold_at_the_dot(running, hop)
        try:
            running.reload({**before, "policy": [{"name": "clear", "encrypt": "sometimes"}]}, "not_reloaded")
            running.reload({**before, "policy": [{"name": "nobody", "encrypt": "required"}]})
            gate.set()
            for _, mail, attempt in sent:
                assert await attempt == [OK] * len(mail.recipients)
            await all_end_well(hop, sent)
            strict = running.letter(ANNA, CARL)
            assert await running.mta.attempt(strict) == [OK, OK]
            assert [CARL] not in [recipients(message) for message in hop.messages[-2:]]
            running.assert_served(hop, strict)
        finally:
            running.reload(before)
