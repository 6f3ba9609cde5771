"""Bounds of what is made of one mail."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from lab.fakes import FakeEngine, certificate, inbound

from relay.model import Certificate, Signer
from relay.model.errors import EngineError
from relay.pipeline.encrypt import Encryptor
from relay.pipeline.encrypt_all import MADE_WITHIN, BatchEncryptor
from relay.pipeline.grouping import Group
from relay.pipeline.transaction import Transaction
from relay.process.budget import Budget
from relay.process.pool import Document

ADDRESSES = [f"r{i}@there.example" for i in range(10)]


def bench(octets: int) -> tuple[BatchEncryptor, Transaction, list[Group], FakeEngine]:
    engine = FakeEngine()
    encryptor = BatchEncryptor(Encryptor(engine, "relay.example"), budget=Budget(octets))
    groups = [Group((i,), ((certificate(address, i + 1),),)) for i, address in enumerate(ADDRESSES)]
    return encryptor, Transaction(inbound(*ADDRESSES, content=b"x" * 1000)), groups, engine


async def test_copies_beyond_the_room_wait_for_the_next_attempt() -> None:
    encryptor, transaction, groups, engine = bench(3000)
    with encryptor.budget.lease() as lease:
        made = await encryptor.encrypt_all(transaction, groups, Document(transaction.inbound.content), lease)
        assert encryptor.budget.free == 0
    assert encryptor.budget.free == 3000
    assert [message.group.recipients for message in made] == [(0,), (1,), (2,)]
    assert len(engine.payloads) == 3
    told = {i: (reply.code, reply.enhanced) for i, reply in transaction.replies.items()}
    assert told == dict.fromkeys(range(3, 10), (452, "4.5.3"))


async def test_there_is_room_for_one_message_whatever_the_others_take() -> None:
    encryptor, transaction, groups, _ = bench(0)
    with encryptor.budget.lease() as lease:
        made = await encryptor.encrypt_all(transaction, groups, Document(transaction.inbound.content), lease)
    assert len(made) == 1


async def test_what_takes_too_long_to_make_waits_for_the_next_attempt() -> None:
    encryptor, transaction, groups, engine = bench(10**6)
    transaction.began -= MADE_WITHIN + 1
    with encryptor.budget.lease() as lease:
        assert not await encryptor.encrypt_all(transaction, groups, Document(transaction.inbound.content), lease)
    assert not engine.payloads
    assert {reply.code for reply in transaction.final_replies()} == {451}


class Choosy(FakeEngine):
    """Encrypts to nobody whose key is number 7."""

    async def encrypt(self, payload: bytes, certificates: Sequence[Certificate], signer: Signer | None) -> bytes:
        if any(one.fingerprint == f"{7:040X}" for one in certificates):
            raise EngineError("not to that one")
        return await super().encrypt(payload, certificates, signer)


@pytest.mark.parametrize("down", [False, True])
async def test_a_recipient_whose_encryption_fails_takes_nobody_along(*, down: bool) -> None:
    engine = Choosy(fail=down)
    encryptor = BatchEncryptor(Encryptor(engine, "relay.example"))
    keys = tuple(certificate(address, i + 1) for i, address in enumerate(ADDRESSES))
    transaction = Transaction(inbound(*ADDRESSES, content=b"Subject: x\r\n\r\nx"))
    with encryptor.budget.lease() as lease:
        group = Group(tuple(range(10)), tuple((key,) for key in keys))
        made = await encryptor.encrypt_all(transaction, [group], Document(transaction.inbound.content), lease)
    served = sorted(index for message in made for index in message.group.recipients)
    assert served == ([] if down else [0, 1, 2, 3, 4, 5, 7, 8, 9])
    assert {i: reply.code for i, reply in transaction.replies.items()} == dict.fromkeys(range(10) if down else [6], 451)
