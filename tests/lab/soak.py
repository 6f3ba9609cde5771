"""Soak under fire: Postfix -> relay -> Postfix -> mailbox, while everything between fails at random.

The relay and all it has started are killed with SIGKILL every few seconds and started again, once some mails have come
through (else a busy machine would only ever start it); the next hop puts off
recipients and messages and closes connections; gpg fails, in a way of `lab.badgpg`, a fifth of the time. In the end
every message is at each of its recipients with the text that was sent (the digests agree), once. What came twice must
be RFC 1047's window: Postfix lost that conversation with the relay, for that recipient, when the relay was killed.

    python -m lab.soak --messages 5000 --scheme lmtp
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pysequoia

from lab.badgpg import BadGpg
from lab.bed import POLICY
from lab.canary import WORD
from lab.certificates import Keypair, make_keypair
from lab.policy_server import UnreliablePolicyServer
from lab.sink import Taken
from lab.way import Way, encrypted_part, way

SENDER = "doctor@front.example"
KNOWN = [f"known{number}@known.example" for number in range(6)]
OPEN = [f"open{number}@open.example" for number in range(2)]
REFUSED = ["rita@must.example"]
AT_ONCE = 20
UNDER_WAY = 100
"""Messages handed to Postfix and not yet at all of their recipients."""
STUCK = 90.0
"""Seconds without any mail at its recipient."""
GPG_FAILS = ("half", "exit2", "killed", "missing", "plaintext", "one key more", "clear behind")
MAIN = {
    "queue_run_delay": "3s",
    "initial_destination_concurrency": str(AT_ONCE),
    "default_destination_concurrency_limit": str(AT_ONCE),
    "default_destination_concurrency_failed_cohort_limit": "0",
}

Key = tuple[int, str]
"""A message's number and a recipient."""


@dataclass
class Tally:
    """What was sent, and what came of it."""

    texts: dict[int, str] = field(default_factory=dict)
    """The digest of each message's body."""
    queued: dict[int, str] = field(default_factory=dict)
    """Each message's queue id at the front."""
    due: dict[int, set[str]] = field(default_factory=dict)
    served: Counter[Key] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    kills: int = 0
    seconds: float = 0.0
    unexplained: list[Key] = field(default_factory=list)

    @property
    def duplicates(self) -> dict[Key, int]:
        """How many times too often."""
        return {key: count - 1 for key, count in self.served.items() if count > 1}

    @property
    def missing(self) -> list[Key]:
        return [(n, person) for n, people in self.due.items() for person in people if not self.served[n, person]]

    def explain(self, log: str) -> None:
        """A copy too many needs a conversation that broke for that recipient before the relay had answered."""
        lost = Counter(re.findall(r" (\w+): to=<([^>]+)>.* status=deferred \(lost connection with", log))
        for (number, person), times in self.duplicates.items():
            if lost[self.queued[number], person] < times:
                self.unexplained.append((number, person))

    def __str__(self) -> str:
        copies = sum(len(people) for people in self.due.values())
        return (
            f"{len(self.due)} messages for {copies} recipients in {self.seconds:.0f} s, the relay killed {self.kills} "
            f"times: {len(self.missing)} missing, {len(self.wrong)} wrong, {sum(self.duplicates.values())} twice in "
            f"RFC 1047's window, {len(self.unexplained)} twice for no such reason"
        )


def soak(messages: int, *, most_between: int, scheme: str = "lmtp", seed: int = 7) -> Tally:
    """Run it, with so many mails at most between two kills; the queue empties, or this raises; the caller judges."""
    chance = random.Random(seed)  # noqa: S311  moments and people, not secrets
    with burning(chance, scheme) as (whole, gpg):
        pairs = whole.know(*KNOWN)
        tally, began = Tally(), time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            room = threading.Semaphore(UNDER_WAY)
            letters = [write(tally, number, chance) for number in range(messages)]

            def submit(letter: tuple[int, list[str], bytes]) -> None:
                room.acquire()
                number, people, content = letter
                tally.queued[number] = whole.mta.submit(SENDER, people, content)

            sent = [pool.submit(submit, letter) for letter in letters]
            reader = Reader(whole, tally, pairs, room)
            try:
                burn(Fire(whole, gpg, chance, most_between), reader, sent)
            except BaseException:
                room.release(messages)  # else those that wait for room would keep the pool from ending
                raise
        gpg.do("")
        whole.mta.flush()
        whole.mta.wait_empty(60)
        reader.read()
        tally.seconds = time.monotonic() - began
        tally.explain(whole.mta.log)
        return tally


@contextmanager
def burning(chance: random.Random, scheme: str) -> Iterator[tuple[Way, BadGpg]]:
    """The whole way, with a gpg that fails and a next hop that defers mail at random."""
    settings = {"policy": POLICY, "deadlines": {"gpg": "10s"}, "log": {"level": "info", "format": "json"}}
    answers = random.Random(chance.random())  # noqa: S311  nothing secret
    with tempfile.TemporaryDirectory() as name, UnreliablePolicyServer(answers) as policy_server:
        gpg = BadGpg(Path(name) / "bin", make_keypair("<mallory@evil.example>").public)
        with way(settings, scheme=scheme, main=MAIN, signer=True) as whole:
            whole.relay.path = str(gpg.folder)
            whole.relay.stop()
            whole.relay.start()
            policy_server.ask_for(whole.mta, whole.relay.settings["reinject"].removeprefix("smtp://"))
            yield whole, gpg


def write(tally: Tally, number: int, chance: random.Random) -> tuple[int, list[str], bytes]:
    """A message for one to five people, some of them hidden."""
    people = chance.sample([*KNOWN, *OPEN, *REFUSED], chance.randint(1, 5))
    named = [person for person in people if chance.random() < 0.7] or people[:1]
    word = WORD.decode()
    body = f"{word}: of {number}\r\n.{word}\r\n" + f"{word}: {chance.random()}\r\n" * chance.randint(1, 200)
    head = (
        f"From: {SENDER}\r\nTo: {', '.join(named)}\r\nSubject: {word}: {number}\r\n"
        f"Message-ID: <soak{number}@front.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    )
    tally.texts[number] = hashlib.sha256(body.encode()).hexdigest()
    tally.due[number] = set(people)
    return number, people, f"{head}\r\n{body}".encode()


@dataclass
class Fire:
    """Fails here and there."""

    whole: Way
    gpg: BadGpg
    chance: random.Random
    most_between: int
    kills: int = 0
    _kill_at: float = 0.0
    _kill_after: int = 0
    _flush_at: float = 0.0

    def tend(self, arrived: int) -> None:
        """A little further; so many mails have come so far."""
        now = time.monotonic()
        self.gpg.do(self.chance.choice(GPG_FAILS) if self.chance.random() < 0.2 else "")
        if now > self._kill_at and arrived >= self._kill_after:
            self._kill()
            self._kill_at = time.monotonic() + self.chance.uniform(1, 4)
            self._kill_after = arrived + self.chance.randint(self.most_between // 4, self.most_between)
        if now > self._flush_at:
            self.whole.mta.flush()
            self._flush_at = time.monotonic() + 1

    def _kill(self) -> None:
        self.whole.relay.kill()
        self.gpg.do("")  # without any gpg it does not start
        self.whole.relay.start()
        self.kills += 1
        self._flush_at = 0.0


def burn(fire: Fire, reader: Reader, sent: list[Future[None]]) -> None:
    """Until everybody has what was due, or nothing has come for a long time."""
    since, before = time.monotonic(), 0
    while reader.read() or not all(each.done() for each in sent):
        if reader.seen > before:
            since, before = time.monotonic(), reader.seen
        if time.monotonic() > since + STUCK:
            raise AssertionError(f"stuck: {reader.tally}\n{fire.whole.mta.log[-3000:]}\n{fire.whole.relay.log[-6000:]}")
        fire.tend(reader.seen)
        time.sleep(0.1)
    for each in sent:
        each.result()
    reader.tally.kills = fire.kills


@dataclass
class Reader:
    """Opens what arrives."""

    whole: Way
    tally: Tally
    pairs: dict[str, Keypair]
    room: threading.Semaphore
    seen: int = 0
    _open: dict[int, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._open = {number: set(people) for number, people in self.tally.due.items()}
        self._keys = {
            address: pysequoia.Tsk.from_bytes(pair.secret).decryptor() for address, pair in self.pairs.items()
        }

    def read(self) -> int:
        """Look at what is new; how many messages are still on their way."""
        taken = self.whole.sink.taken[self.seen :]
        self.seen += len(taken)
        for mail in taken:
            self._note(mail)
        return len(self._open)

    def _note(self, mail: Taken) -> None:
        found = re.search(rb"<soak(\d+)@front\.example>", mail.content)
        if not found:
            self.tally.wrong.append(f"what is this for {list(mail.recipients)}?")
            return
        number = int(found[1])
        people = self._about(mail) if mail.sender == "" else self._readers(number, mail)
        self.tally.served.update((number, person) for person in people)
        if number in self._open:
            self._open[number] -= set(people)
            if not self._open[number]:
                del self._open[number]
                self.room.release()

    def _about(self, notice: Taken) -> list[str]:
        """Whom a notice to the sender is about: nobody else may be, and it says nothing of what was written."""
        people = re.findall(r"(?m)^Final-Recipient: rfc822; ?(\S+?)\r?$", notice.content.decode())
        if people != REFUSED or list(notice.recipients) != [SENDER] or WORD in notice.content:
            status = re.findall(r"(?m)^(?:Reporting-MTA|Action|Status|Diagnostic-Code): .*", notice.content.decode())
            self.tally.wrong.append(f"a notice about {people}: {status}")
        return people

    def _readers(self, number: int, mail: Taken) -> list[str]:
        people = list(mail.recipients)
        if set(people) <= set(OPEN):
            body = mail.body
        elif WORD in mail.content or not set(people) <= set(KNOWN):
            self.tally.wrong.append(f"{number} is clear for {people}")
            return people
        else:
            body = self._opened(mail, people)
        if hashlib.sha256(body).hexdigest() != self.tally.texts[number]:
            self.tally.wrong.append(f"{number} is another text for {people}")
        return people

    def _opened(self, mail: Taken, people: list[str]) -> bytes:
        """By each of them; and they all read the same."""
        encrypted = encrypted_part(mail)
        clear = {pysequoia.decrypt(bytes=encrypted, decryptor=self._keys[person]).bytes or b"" for person in people}
        return clear.pop().partition(b"\r\n\r\n")[2] if len(clear) == 1 else b""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--scheme", choices=("lmtp", "smtp"), default="lmtp")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    tally = soak(given.messages, most_between=200, scheme=given.scheme, seed=given.seed)
    print(tally)
    if tally.missing or tally.wrong or tally.unexplained:
        raise SystemExit(f"{tally.missing[:20]} {tally.wrong[:20]} {tally.unexplained[:20]}")


if __name__ == "__main__":
    main()
