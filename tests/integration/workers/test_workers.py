"""`workers: 2` as a site runs it: real processes, on a port and on a socket, that are killed, reloaded and stopped."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from lab.bed import ANNA, BERTA, CARL, HUGO, Bed, assert_nothing_clear, told_or_sent
from lab.client import Client
from lab.mta import SENDER, Mail, Mta
from lab.nexthop import ScriptedHop, Wait
from lab.relay import Relay
from lab.waiting import until, wait_for

from relay.daemon.restart_pauses import LONGEST_PAUSE

BOTH = {0, 1}
SEED = 11
COMING, KEPT = 80, 8
PAUSES = (0.5, 1, 2, 4, 8)
"""Seconds before connections come again."""
UNWANTED = "nobody@must.example"
"""Refused by a reply."""
KILLS = int(os.environ.get("KILLS", "3"))
PAUSED = LONGEST_PAUSE + 30
"""Seconds until one is there that keeps ending, and the tests here end them often."""
PATIENT = {"gpg": "30s", "next_hop": "60s", "final_dot": "60s"}


POLICY: list[dict[str, Any]] = [
    {"name": "clear by rule", "to": ["*@open.example"], "encrypt": "preferred"},
    {"name": "everyone", "encrypt": "required", "refuse_with": "reply"},
]


def new_bed() -> Bed:
    bed = Bed({"workers": 2, "deadlines": PATIENT, "policy": POLICY})
    relay = bed.relay
    relay.configure({**relay.settings, "listen": [*relay.settings["listen"], f"lmtp://{relay.folder}/inlet"]})
    return bed


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with new_bed() as made:
        yield made


@asynccontextmanager
async def freshly() -> AsyncIterator[tuple[Bed, ScriptedHop]]:
    bed = new_bed()
    await asyncio.to_thread(bed.__enter__)
    try:
        async with bed.hop() as hop:
            yield bed, hop
    finally:
        await asyncio.to_thread(bed.__exit__, None, None, None)


def working(bed: Bed) -> dict[int, int]:
    """The pids, once all work."""
    return wait_for(lambda: found if (found := bed.relay.workers).keys() == BOTH else None, "both work", PAUSED)


async def replaced(bed: Bed, number: int, pid: int) -> dict[int, int]:
    """The pids, once that worker has a successor."""
    await asyncio.to_thread(wait_for, lambda: bed.relay.workers.get(number, pid) != pid, "replaced", PAUSED)
    return working(bed)


class Ways:
    """Connections that are kept, so many to each worker.

    Many are there before either worker looks. One looks first, and must leave some to the other, which looks as soon as
    the first client is greeted; some time, for where the machine holds that one up nothing is left.
    """

    def __init__(self, bed: Bed, url: str) -> None:
        self.bed = bed
        self.url = url
        self.clients: list[Client] = []

    async def __aenter__(self) -> Self:
        for pause in PAUSES:
            await self._come()
            if await self._keep(KEPT):
                return self
            await self.__aexit__()
            await asyncio.sleep(pause)
        raise AssertionError("connections that come at once are not shared")

    async def _come(self) -> None:
        self.clients = [Client(self.url) for _ in range(COMING)]
        workers = list(working(self.bed).values())
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        greeted = [asyncio.create_task(client.__aenter__()) for client in self.clients]
        await until(lambda: all(hasattr(client, "writer") for client in self.clients))  # connected
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
            await asyncio.wait(greeted, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*greeted)
        await asyncio.gather(*(client.hello() for client in self.clients))

    async def _keep(self, count: int) -> bool:
        """So many to each worker; whether there are."""
        replies, _ = await self.send(UNWANTED)
        workers = {line["id"]: line["worker"] for line in self._received()}
        theirs: dict[int, list[Client]] = {number: [] for number in BOTH}
        for client, reply in zip(self.clients, replies, strict=True):
            theirs[workers[reply.rpartition(" ")[2]]].append(client)
        kept = [client for clients in theirs.values() for client in clients[:count]]
        for client in self.clients:
            if client not in kept:
                client.drop()
        self.clients = kept
        return len(kept) == count * len(BOTH)

    async def __aexit__(self, *_: object) -> None:
        for client in self.clients:
            client.drop()

    async def send(self, recipient: str) -> tuple[list[str], Counter[int]]:
        """One mail over each; the replies, and how many each worker had."""
        before = len(self._received())
        mails = [self.bed.letter(recipient) for _ in self.clients]
        replies = await asyncio.gather(
            *(client.send(SENDER, [recipient], mail.content) for client, mail in zip(self.clients, mails, strict=True))
        )
        return [reply[0] for reply in replies], Counter(line["worker"] for line in self._received()[before:])

    def _received(self) -> list[dict[str, Any]]:
        return [line for line in self.bed.relay.events if line["event"] == "received"]


async def all_say(bed: Bed, recipient: str, code: str) -> None:
    """Every worker answers so."""
    async with Ways(bed, bed.url) as ways:
        replies, workers = await ways.send(recipient)
    assert {reply[:3] for reply in replies} == {code}
    assert workers.keys() == BOTH


@pytest.mark.parametrize("place", ["port", "socket"])
async def test_connections_are_shared(bed: Bed, place: str) -> None:
    url = bed.url if place == "port" else f"lmtp://{bed.relay.folder}/inlet"
    async with bed.hop(), Ways(bed, url) as ways:
        replies, workers = await ways.send(CARL)

    assert {reply[:3] for reply in replies} == {"250"}
    assert workers.keys() == BOTH, workers
    bed.relay.run("trace", "--verify")


async def test_a_key_counts_in_every_worker_within_a_second(bed: Bed) -> None:
    async with bed.hop(), Ways(bed, bed.url) as ways:
        replies, workers = await ways.send(HUGO)
        assert ({reply[:3] for reply in replies}, {*workers}) == ({"550"}, BOTH)

        await asyncio.to_thread(bed.know, HUGO)
        await asyncio.sleep(1)
        replies, workers = await ways.send(HUGO)
        assert ({reply[:3] for reply in replies}, {*workers}) == ({"250"}, BOTH)
    bed.relay.run("keys", "remove", bed.pairs[HUGO].fingerprint)


async def test_the_mail_of_a_worker_that_is_killed_gets_no_250_and_is_served_once_on_the_retry(bed: Bed) -> None:
    async with bed.hop() as hop:
        hop.at["DATA"] = Wait(asyncio.Event())
        mail = bed.letter(ANNA, BERTA, CARL)
        first = asyncio.create_task(bed.mta.attempt(mail))
        await hop.until("DATA")
        number = [line["worker"] for line in bed.relay.events if line["event"] == "received"][-1]
        before = working(bed)

        os.kill(before[number], signal.SIGKILL)

        assert await first == ["", "", ""]
        assert not hop.messages
        del hop.at["DATA"]
        after = await replaced(bed, number, before[number])
        assert after[1 - number] == before[1 - number]
        assert await bed.mta.until_final(mail) == ["250 2.0.0"] * 3
        bed.assert_served(hop, mail)


async def test_workers_killed_at_random_moments_under_load_lose_nothing_and_double_only_what_was_at_the_next_hop(
    bed: Bed,
) -> None:
    """Of an attempt that broke off, at most what the next hop had just taken comes twice (RFC 1047): counted here."""
    chance = random.Random(SEED)  # noqa: S311  moments, and the same ones in every run
    mails: list[Mail] = []
    ended = asyncio.Event()

    async def keep_sending(mta: Mta) -> None:
        while not ended.is_set():
            mail = bed.letter(*chance.choice([(ANNA,), (ANNA, BERTA), (ANNA, CARL), (BERTA, HUGO, CARL)]))
            mails.append(mail)
            await mta.until_final(mail, attempts=200, every=0.05)

    async with bed.hop() as hop, asyncio.TaskGroup() as group:
        for scheme in ("lmtp", "smtp") * 3:
            group.create_task(keep_sending(bed.over(scheme).mta))
        kills = 0
        while kills < KILLS or (kills < 10 * KILLS and not any(map(broke_off, mails))):
            await asyncio.sleep(chance.uniform(0, 0.4))
            number, pid = chance.choice(sorted((await asyncio.to_thread(working, bed)).items()))
            os.kill(pid, signal.SIGKILL)
            await replaced(bed, number, pid)
            kills += 1
        ended.set()
    doubles = [served_beyond(hop, mail) for mail in mails]
    broken = sum(broke_off(mail) for mail in mails)
    print(f"{kills} kills, {len(mails)} mails, {broken} attempts broke off, {sum(doubles)} recipients served twice")
    assert broken
    assert_nothing_clear(hop)
    bed.relay.run("trace", "--verify")


def served_beyond(hop: ScriptedHop, mail: Mail) -> int:
    """Copies beyond the one for each who was not refused; nobody may be without."""
    mine = [message for message in hop.messages if mail_of(message.content) == mail_of(mail.content)]
    copies = Counter(r for message in mine for r in told_or_sent(message))
    due = {r for r in mail.recipients if mail.last(r).startswith("2")}
    due -= {HUGO}  # over SMTP its notice answers for him
    assert due <= copies.keys(), (copies, mail.answers)
    most = 1 + broke_off(mail)
    assert all(count <= most for count in copies.values()), (copies, mail.answers)
    return sum(count - 1 for count in copies.values())


def mail_of(content: bytes) -> bytes:
    """Its number."""
    return content.partition(b"<mail")[2].partition(b"@")[0]


def broke_off(mail: Mail) -> int:
    """Attempts at it that nobody answered."""
    return max((answers.count("") for answers in mail.answers.values()), default=0)


async def test_a_new_configuration_reaches_all_and_a_wrong_one_nobody(bed: Bed) -> None:
    right = bed.relay.settings
    async with bed.hop():
        await all_say(bed, HUGO, "550")
        await reload(bed, "reloaded", {"policy": [{"name": "x", "encrypt": "preferred"}]})
        await all_say(bed, HUGO, "250")

        unreadable = {"policy": [{"name": "x", "encrypt": "perhaps"}]}
        no_such_key = {"policy": right["policy"], "sign": {"default": "nobody@front.example"}}
        for wrong in (unreadable, no_such_key):
            await reload(bed, "not_reloaded", wrong)
            await all_say(bed, HUGO, "250")

        for number, pid in working(bed).items():
            os.kill(pid, signal.SIGKILL)
            await replaced(bed, number, pid)
        await all_say(bed, HUGO, "250")
        bed.relay.configure(right)
        await reload(bed, "reloaded", {})
        await all_say(bed, HUGO, "550")


async def reload(bed: Bed, event: str, settings: Mapping[str, Any]) -> None:
    """SIGHUP for the supervisor; once it is done."""

    def lines() -> int:
        return sum(
            line["event"] == event and (event == "not_reloaded" or "workers" in line) for line in bed.relay.events
        )

    before = lines()
    bed.relay.configure({**bed.relay.settings, **settings})
    bed.relay.signal(signal.SIGHUP)
    await asyncio.to_thread(wait_for, lambda: lines() > before, event)


async def test_what_is_done_beside_mail_is_done_by_one_also_when_that_was_replaced(bed: Bed) -> None:
    def anchored() -> list[int]:
        return [line["worker"] for line in bed.relay.events if line["event"] == "trace_head"]

    before = await asyncio.to_thread(wait_for, anchored, "an anchor")
    os.kill(working(bed)[0], signal.SIGKILL)
    await asyncio.to_thread(wait_for, lambda: len(anchored()) > len(before), "an anchor of its successor")
    working(bed)
    assert set(anchored()) == {0}


async def test_a_worker_that_keeps_ending_is_put_off_longer_each_time_while_the_other_serves() -> None:
    pauses: list[float] = []
    async with freshly() as (bed, _):  # what ended before would count
        for _ in range(3):
            ended = sum(line["event"] == "worker_ended" for line in bed.relay.events)
            os.kill(working(bed)[1], signal.SIGKILL)
            line = await asyncio.to_thread(
                wait_for,
                lambda n=ended: next(iter([e for e in bed.relay.events if e["event"] == "worker_ended"][n:]), None),
                "its end is told",
            )
            assert (line["worker"], line["status"]) == (1, -signal.SIGKILL)
            pauses.append(line["pause"])
            mail = bed.letter(ANNA)
            assert await bed.mta.until_final(mail, every=0.05) == ["250 2.0.0"]
        working(bed)
    assert pauses == sorted(set(pauses)), pauses
    assert pauses[-1] == 2 * pauses[-2] > 0


async def test_a_place_that_is_taken_is_a_sentence_and_the_other_goes_on(bed: Bed) -> None:
    done = await asyncio.to_thread(bed.relay.run, "serve", check=False)

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.endswith(f"{bed.url} cannot be listened on: Address already in use\n".encode())
    async with bed.hop():
        await all_say(bed, CARL, "250")


def test_what_no_worker_can_start_with_is_one_sentence() -> None:
    with Relay({"workers": 3, "sign": {"default": "nobody@front.example"}}) as relay:
        done = relay.run("serve", check=False)

        assert done.returncode == 1
        assert done.stderr.count(b"nobody@front.example") == 1
        assert b"Traceback" not in done.stderr


async def test_without_their_supervisor_workers_finish_and_end_and_sigterm_finishes_what_is_in_flight() -> None:
    async with freshly() as (bed, hop):
        await without_supervisor(bed, hop)
        await asyncio.to_thread(bed.relay.start)
        await stopped(bed, hop)


async def without_supervisor(bed: Bed, hop: ScriptedHop) -> None:
    go = asyncio.Event()
    hop.at["."] = Wait(go)
    mail = bed.letter(ANNA)
    midway = asyncio.create_task(bed.mta.attempt(mail))
    await hop.until(".")
    workers = working(bed).values()

    bed.relay.kill_alone()

    await asyncio.to_thread(bed.relay.wait_event, "stopping")
    go.set()
    assert await midway == ["250 2.0.0"]
    await asyncio.to_thread(wait_for, lambda: not any(map(alive, workers)), "all have ended")
    bed.assert_served(hop, mail)


async def stopped(bed: Bed, hop: ScriptedHop) -> None:
    go = asyncio.Event()
    hop.at["."] = Wait(go)
    mails = [bed.letter(ANNA) for _ in range(4)]
    midway = [asyncio.create_task(bed.mta.attempt(mail)) for mail in mails]
    await hop.until(".", 1 + len(mails))
    before = bed.relay.log.count('"stopping"')
    stopping = asyncio.create_task(asyncio.to_thread(bed.relay.stop))  # wants status 0
    await asyncio.to_thread(wait_for, lambda: bed.relay.log.count('"stopping"') == before + 3, "stopping")
    with pytest.raises(OSError, match=r".+"):
        await Client(bed.url).__aenter__()
    assert not any(task.done() for task in midway)
    go.set()
    assert [await task for task in midway] == [["250 2.0.0"]] * len(mails)
    await stopping
    assert not (bed.relay.folder / "inlet").exists()
    for mail in mails:
        bed.assert_served(hop, mail)


def alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
