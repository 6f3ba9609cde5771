"""One relay with both inlets, a next hop and a gpg that fail as they are told, and the proof that nothing came of it.

The people: `ANNA` and `BERTA` have keys; `CARL` has none and gets clear mail by a rule; `RITA` has none and must not
get any, so that the sender gets a notice; for `HUGO` a mail waits until his key comes.
"""

from __future__ import annotations

import copy
import itertools
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.badgpg import BadGpg
from lab.canary import WORD, assert_silent, assert_unheard
from lab.certificates import make_keypair
from lab.mta import Mail, Mta, letter
from lab.nexthop import Message, ScriptedHop, hop_at
from lab.ports import free_port
from lab.readers import read_sequoia
from lab.relay import Relay
from lab.waiting import wait_for
from relay.model import Address, Envelope
from relay.pipeline.ledger import digest

ANNA, BERTA, CARL, RITA, HUGO = (
    "anna@known.example",
    "berta@known.example",
    "carl@open.example",
    "rita@must.example",
    "hugo@hold.example",
)
POLICY = [
    {"name": "clear by rule", "to": ["*@open.example"], "encrypt": "preferred"},
    {"name": "held", "to": ["*@hold.example"], "encrypt": "required", "without_key": "hold"},
    {"name": "everyone", "encrypt": "required"},
]
DEADLINES = {"gpg": "20s", "next_hop": "20s", "final_dot": "20s"}
"""Long: this machine may stand still for seconds."""
_numbers = itertools.count(1)


class Bed:
    """`with Bed() as bed: async with bed.hop() as hop: ...`; one relay for many faults. `over` chooses the inlet."""

    def __init__(self, settings: Mapping[str, Any] = {}) -> None:
        self.scheme = "lmtp"
        self.hop_port = free_port()
        self.ports = {"lmtp": free_port(), "smtp": free_port()}
        self.pairs = {address: make_keypair(f"<{address}>") for address in (ANNA, BERTA, HUGO)}
        base = {
            "listen": [f"{scheme}://127.0.0.1:{port}" for scheme, port in self.ports.items()],
            "reinject": f"smtp://127.0.0.1:{self.hop_port}",
            "policy": POLICY,
            "deadlines": DEADLINES,
        }
        self.relay = Relay({**base, **settings})
        self.gpg = BadGpg(self.relay.folder / "bin", make_keypair("<mallory@evil.example>").public)
        self.relay.path = str(self.gpg.folder)
        self.relay.keyring = Path(self.relay.settings.get("keyring", self.relay.keyring))

    def __enter__(self) -> Self:
        self.know(ANNA, BERTA)
        self.relay.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.relay.__exit__(kind, error, trace)
        if self.relay.keyring.exists():
            assert_silent(self.relay.keyring)

    def over(self, scheme: str) -> Bed:
        """The same relay, by way of that inlet."""
        same = copy.copy(self)
        same.scheme = scheme
        return same

    @property
    def mta(self) -> Mta:
        """A client of the relay's inlet."""
        return Mta(self.url, patience=60)

    @property
    def url(self) -> str:
        """Where the inlet listens."""
        return f"{self.scheme}://127.0.0.1:{self.ports[self.scheme]}"

    def know(self, *addresses: str) -> None:
        """Import their keys."""
        content = b"".join(self.pairs[address].public for address in addresses)
        self.relay.run("keys", "import", "-", content=content)

    def reload(self, settings: Mapping[str, Any], event: str = "reloaded") -> None:
        """`Relay.reload`."""
        self.relay.reload(settings, event)

    @asynccontextmanager
    async def hop(self) -> AsyncIterator[ScriptedHop]:
        """The next hop, at the port where the relay expects it."""
        async with hop_at(self.hop_port) as hop:
            yield hop

    def letter(self, *recipients: str, hidden: tuple[str, ...] = ()) -> Mail:
        """A mail that there was not before."""
        return letter(f"mail{next(_numbers)}", (*recipients, *hidden), named=recipients)

    async def prove(
        self, hop: ScriptedHop, mail: Mail, answers: list[str], heal: Callable[[], object], *, doubles: int = 0
    ) -> None:
        """The first answers are these; once all is well, everyone is served once and nothing clear has left."""
        first = await self.mta.attempt(mail)
        assert first == answers, (mail.answers, self.relay.log[-2000:])
        heal()
        await self.mta.until_final(mail)
        self.assert_served(hop, mail, doubles=doubles)

    def surplus(self, hop: ScriptedHop, mail: Mail) -> int:
        """Copies and notices beyond one for each recipient."""
        copies = [message for message in hop.messages if _of(message, _number(mail))]
        return sum(len(told_or_sent(message)) for message in copies) - len(mail.recipients)

    def assert_served(self, hop: ScriptedHop, mail: Mail, *, doubles: int = 0, forgotten: bool = True) -> None:
        """Each recipient has had what was due to them once (and so many twice, in RFC 1047's window).

        Then the ledger forgets the mail; one killed between its answer and that moment does so after five days.
        """
        number = _number(mail)
        assert_nothing_clear(hop)
        copies = [message for message in hop.messages if _of(message, number)]
        served = Counter(r for message in copies for r in told_or_sent(message))
        refused = {r for r in mail.recipients if mail.last(r).startswith("5")}
        due = {r: 1 for r in mail.recipients if r not in refused}
        assert set(served) == set(due), (served, mail.answers)
        assert sum(served.values()) - len(due) == doubles, (served, mail.answers)
        for message in copies:
            self._assert_readable(message, mail)
        if forgotten:
            wait_for(lambda: not self.ledger(mail), "the ledger has forgotten what is finished", 20)
        assert self.traced(number) == {r: mail.last(r)[:1] for r in mail.recipients}

    def _assert_readable(self, message: Message, mail: Mail) -> None:
        keys = [self.pairs[r] for r in recipients(message) if r in self.pairs]
        for pair in keys:
            clear = read_sequoia(message.content, pair.secret, None)
            assert clear.partition(b"\r\n\r\n")[2] == mail.content.partition(b"\r\n\r\n")[2]

    def ledger(self, mail: Mail) -> list[str]:
        """Whom the ledger holds now as served with this mail."""
        key = digest(Envelope(Address(mail.sender), ()), mail.content)
        return [row[0].decode() for row in self.query("SELECT recipient FROM ledger WHERE digest = ?", key)]

    def traced(self, number: str) -> dict[str, str]:
        """The class of the last reply that the trace tells of each recipient."""
        rows = self.query("SELECT recipient, reply FROM trace WHERE message_id LIKE ? ORDER BY number", f"%<{number}@%")
        return {recipient: reply[:1] for recipient, reply in rows}

    def query(self, text: str, *values: str | bytes) -> list[Any]:
        """Look into the relay's store."""
        with closing(sqlite3.connect(self.relay.keyring / "store.db")) as store:
            return store.execute(text, values).fetchall()


def recipients(message: Message) -> list[str]:
    """Of its envelope."""
    return [re.findall("<(.*?)>", line)[0] for line in message.rcpts]


def told_or_sent(message: Message) -> list[str]:
    """Whom this serves: its recipients, or those whom a notice is about."""
    if "<>" not in message.mail:
        return recipients(message)
    return re.findall(r"(?m)^Final-Recipient: rfc822; ?(\S+?)\r?$", message.content.decode())


def is_notice(message: Message) -> bool:
    return "<>" in message.mail


def assert_nothing_clear(hop: ScriptedHop) -> None:
    """Whatever came to the next hop, also what it did not take: only a copy for CARL alone is clear."""
    for rcpts, wire in hop.heard:
        if [re.findall("<(.*?)>", line)[0] for line in rcpts] != [CARL]:
            assert WORD not in wire, rcpts
            if b"multipart/report" in wire:
                assert_unheard(wire, "a notice")


def _number(mail: Mail) -> str:
    found = re.search(rb"Message-ID: <(mail\d+)@", mail.content)
    assert found
    return found[1].decode()


def _of(message: Message, number: str) -> bool:
    return f"<{number}@front.example>".encode() in message.content
