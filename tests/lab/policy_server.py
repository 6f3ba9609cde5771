"""A Postfix policy server (Postfix's SMTPD_POLICY_README) that defers some requests, at random.

`with UnreliablePolicyServer(random.Random(7)) as server: server.ask_for(postfix, "127.0.0.1:10026")`: that smtpd then
defers some recipients and some whole messages, and closes some connections. It gives no permanent refusal.
"""

from __future__ import annotations

import random
import socketserver
import threading
from collections import Counter

from lab.postfix import Postfix
from lab.serving import Server, Serving

ANSWERS = {"dunno": 90, "451 4.3.0 Not now": 7, "421 4.3.2 Good-bye": 3}


class UnreliablePolicyServer(Serving):
    """Serves from threads; `answers` counts what it said."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        super().__init__(_Server(self))

    def ask_for(self, mta: Postfix, service: str) -> None:
        """Ask here for every recipient and at every final dot of that service."""
        ask = f"check_policy_service,inet:127.0.0.1:{self.port}"
        for name, value in {
            "smtpd_recipient_restrictions": f"{ask},permit_mynetworks,reject",
            "smtpd_end_of_data_restrictions": ask,
        }.items():
            mta.command("postconf", "-P", f"{service}/inet/{name}={value}")
        mta.reload()

    def draw(self) -> str:
        with self._lock:
            (answer,) = self._chance.choices(list(ANSWERS), list(ANSWERS.values()))
            self.answers[answer[:3]] += 1
        return answer


class _Server(Server):
    def __init__(self, policy_server: UnreliablePolicyServer) -> None:
        super().__init__(_Dialogue)
        self.policy_server = policy_server


class _Dialogue(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """One request a block of lines, which an empty one ends."""
        while line := self.rfile.readline():
            if line == b"\n":
                self.wfile.write(f"action={self.server.policy_server.draw()}\n\n".encode())
