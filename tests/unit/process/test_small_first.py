"""Large mails give way to small ones: on the event loop, and not for ever."""

from __future__ import annotations

import asyncio

import pytest

from relay.process import small_first
from relay.process.small_first import LARGE, MailInHand, give_way

LONG = 600.0


async def test_a_piece_of_a_large_mail_waits_until_the_last_small_one_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(small_first, "PATIENCE", LONG)
    with MailInHand() as large:
        large.is_of(LARGE)
        with MailInHand():
            with MailInHand():
                piece = asyncio.create_task(large.give_way())
                await turns(5)
            await turns(5)
            assert not piece.done()
        await asyncio.wait_for(piece, 10)


async def test_a_piece_goes_on_where_small_mails_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_first, "PATIENCE", 0.01)
    with MailInHand():
        await asyncio.wait_for(give_way(), 10)


@pytest.mark.parametrize("octets", [0, LARGE - 1])
async def test_a_small_mail_waits_for_nobody(octets: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_first, "PATIENCE", LONG)
    with MailInHand() as small, MailInHand():
        small.is_of(octets)
        await asyncio.wait_for(small.give_way(), 10)


async def test_large_mails_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a mail for itself, once it has become large; and what has become large counts once."""
    monkeypatch.setattr(small_first, "PATIENCE", LONG)
    with MailInHand() as one, MailInHand() as other:
        for _ in range(2):
            one.is_of(LARGE)
            other.is_of(LARGE)
            await asyncio.wait_for(one.give_way(), 10)
    with MailInHand():
        piece = asyncio.create_task(give_way())
        await turns(5)
        assert not piece.done()
    await asyncio.wait_for(piece, 10)


async def test_a_small_mail_that_fails_is_in_hand_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_first, "PATIENCE", LONG)
    with pytest.raises(ConnectionResetError), MailInHand():
        raise ConnectionResetError
    await asyncio.wait_for(give_way(), 10)


async def test_a_large_mail_that_is_given_up_while_it_waits_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(small_first, "PATIENCE", LONG)
    with MailInHand():
        piece = asyncio.create_task(give_way())
        await turns(5)
        piece.cancel()
        await asyncio.wait({piece})
        assert not small_first._in_hand._waiting


async def turns(count: int) -> None:
    """Of the event loop."""
    for _ in range(count):
        await asyncio.sleep(0)
