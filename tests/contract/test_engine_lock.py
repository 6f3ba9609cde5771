"""What every `ports.Engine` promises of a message that a code opens."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.gnupghome import gnupg_home
from lab.openpgpjs import LIBRARY
from lab.password_readers import READERS, WrongPassword, read_gnupg
from lab.processes import Family

from relay.mail import packets
from relay.model.errors import EngineError
from relay.openpgp.gnupg import GnuPG
from relay.openpgp.sequoia import Sequoia
from relay.pipeline.ports import Engine
from relay.process import pool

ENGINES: dict[str, Callable[[Path], Engine]] = {"gnupg": GnuPG, "sequoia": Sequoia}
CODE = "moulin-tomate-girafe-orange-violon-sapin"
PAYLOAD = "Subject: Résultats\r\n\r\nBonjour, voilà\x00\r\n.\r\n\r\n".encode()
READABLE = [name for name in READERS if name != "openpgp.js" or LIBRARY.exists()]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with gnupg_home() as home:
        yield ENGINES[request.param](home)
        pool.stop()


async def test_every_software_opens_it_to_the_same_octets(engine: Engine) -> None:
    message = await engine.lock(PAYLOAD, CODE)
    assert {name: READERS[name](message, CODE) for name in READABLE} == dict.fromkeys(READABLE, PAYLOAD)


async def test_another_code_does_not_open_it(engine: Engine) -> None:
    with pytest.raises(WrongPassword):
        read_gnupg(await engine.lock(PAYLOAD, CODE), CODE.replace("-", ""))


async def test_guessing_costs_as_much_as_the_standard_allows(engine: Engine) -> None:
    message = await engine.lock(PAYLOAD, CODE)
    key, data = packets.walk(message)
    body = packets.body(message, key)
    assert (key.tag, data.tag, message[data.body_start]) == (packets.SKESK, packets.SEIPD, 1)
    assert (body[0], body[1], body[2], body[12]) == (4, 9, 3, 255)  # AES-256, iterated and salted, the largest count


async def test_each_message_has_a_salt_of_its_own(engine: Engine) -> None:
    first, second = [await engine.lock(PAYLOAD, CODE) for _ in range(2)]
    assert first[:48] != second[:48]


@pytest.mark.parametrize("payload", [b"", os.urandom(3_000_000)], ids=["empty", "3 MB"])
async def test_any_size_is_locked_and_nothing_is_compressed(engine: Engine, payload: bytes) -> None:
    message = await engine.lock(payload, CODE)
    assert len(message) > len(payload)
    assert read_gnupg(message, CODE) == payload


@pytest.mark.parametrize("code", ["", " ", "two\nlines", "accentué", "x" * 201, "end "])
async def test_what_programs_would_read_differently_is_no_code(engine: Engine, code: str) -> None:
    with pytest.raises(EngineError):
        await engine.lock(PAYLOAD, code)


async def test_no_process_that_handles_other_mail_hashes_the_code(engine: Engine) -> None:
    """gpg did, as a child of ours: with the priority of mail, and in its turn."""
    await engine.lock(PAYLOAD, CODE)  # the process for it is there
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    await engine.lock(PAYLOAD, CODE)
    assert resource.getrusage(resource.RUSAGE_CHILDREN) == before


@pytest.mark.alone
async def test_ten_kilobytes_cost_less_than_a_third_of_a_second(engine: Engine) -> None:
    """Of processor time: other programs come first, so how long it takes is theirs to say."""
    await engine.lock(PAYLOAD, CODE)  # the process for it is there
    family, spent = Family(os.getpid()), list[float]()
    for _ in range(3):
        before = family.seconds()
        await engine.lock(b"x" * 10_000, CODE)
        spent.append(family.seconds() - before)
    assert sum(spent) > 0, "it is measured; the kernel counts in hundredths"
    assert min(spent) < 0.3
