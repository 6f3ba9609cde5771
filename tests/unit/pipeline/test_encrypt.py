"""What is held while one message is made: a large mail takes four times its size, not five."""

from __future__ import annotations

from collections.abc import Sequence

from lab.fakes import FakeEngine, certificate

from relay.model import Certificate, Signer
from relay.pipeline.encrypt import ProtectionJob, protected
from relay.pipeline.grouping import Group

SOMEBODY = "somebody@there.example"


class Mail(bytes):
    """Octets that tell when nobody holds them any more."""

    let_go = 0

    def __del__(self) -> None:
        Mail.let_go += 1


class Watching(FakeEngine):
    """Notes how many mails had been let go of when it was called."""

    seen = -1

    async def encrypt(self, payload: bytes, certificates: Sequence[Certificate], signer: Signer | None) -> bytes:
        self.seen = Mail.let_go
        return await super().encrypt(payload, certificates, signer)


async def test_the_received_mail_is_not_held_while_its_payload_is_encrypted() -> None:
    """As in a process of the pool, where the job is the coroutine's alone."""
    engine, before = Watching(), Mail.let_go
    mail = Mail(f"From: a@here.example\r\nTo: {SOMEBODY}\r\n\r\nbody\r\n".encode())
    making = protected(engine, ProtectionJob(mail, Group((0,), ((certificate(SOMEBODY, 1),),)), b""))
    del mail
    await making
    assert engine.seen == before + 1
