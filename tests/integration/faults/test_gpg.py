"""GnuPG fails in each way: what was to be encrypted waits, nothing clear leaves, and later all is served once.

What needs no encryption goes its way at once: over LMTP that shows in its own answer, over SMTP in the ledger.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from lab import bed as lab
from lab.badgpg import SPOILT
from lab.bed import ANNA, BERTA, CARL, RITA, Bed, assert_nothing_clear, recipients
from lab.gnupghome import agent_of, gpg, stop_agent
from lab.mta import Mail
from lab.nexthop import ScriptedHop
from lab.processes import ended
from lab.waiting import wait_for

pytestmark = pytest.mark.waits

FAILED = "451 4.3.0"
OK = "250 2.0.0"
RIGHT = "the-one-that-opens"
DEADLINES = {"gpg": "3s"}
PLAIN = ("missing", "exit2", "killed", "hang")

MAILS = {"one": (ANNA,), "two": (ANNA, BERTA), "three": (ANNA, CARL, RITA)}


def write(bed: Bed, which: str) -> Mail:
    return bed.letter(ANNA, hidden=(BERTA,)) if which == "two" else bed.letter(*MAILS[which])


def expected(bed: Bed, which: str) -> list[str]:
    """CARL's copy and the notice about RITA need no gpg."""
    if bed.scheme == "smtp" or which != "three":
        return [FAILED] * len(MAILS[which])
    return [FAILED, OK, OK]


@pytest.mark.parametrize("which", MAILS)
@pytest.mark.parametrize("way", [*PLAIN, *SPOILT])
async def test_gpg_fails(bed: Bed, way: str, which: str) -> None:
    async with bed.hop() as hop:
        bed.gpg.do(way)
        try:
            await bed.prove(hop, write(bed, which), expected(bed, which), lambda: bed.gpg.do(""))
        finally:
            bed.gpg.do("")


async def test_gpg_fails_for_one_of_two_copies(bed: Bed) -> None:
    """The other copy leaves, once."""
    async with bed.hop() as hop:
        bed.gpg.do("once: half")
        try:
            mail = write(bed, "two")
            first = await bed.mta.attempt(mail)
            assert sorted(first) == ([OK, FAILED] if bed.scheme == "lmtp" else [FAILED, FAILED])
            assert len(hop.messages) == 1
            await bed.mta.until_final(mail)
            bed.assert_served(hop, mail)
        finally:
            bed.gpg.do("")


@asynccontextmanager
async def signing(*, passphrase: str = "", expires: str = "never") -> AsyncIterator[tuple[Bed, str, Path]]:
    """A relay that signs, with a key that may need a passphrase or expire."""
    bed = Bed({"deadlines": {**lab.DEADLINES, **DEADLINES}})
    word = bed.relay.folder / "passphrase"
    word.write_text(f"{passphrase}\n")
    bed.relay.keyring.mkdir(mode=0o700)
    (bed.relay.keyring / "gpg-agent.conf").write_text("s2k-count 65536\n")  # or a passphrase takes a second
    made = gpg(
        bed.relay.keyring,
        *("--pinentry-mode", "loopback", "--passphrase", passphrase),
        *("--quick-generate-key", "Relay <relay@front.example>", "ed25519", "sign", expires),
    )
    fingerprint = next(line.split()[3].decode() for line in made.stderr.splitlines() if b" KEY_CREATED " in line)
    stop_agent(bed.relay.keyring)  # it would remember the passphrase
    word.chmod(0o600)
    sign = {"default": fingerprint, **({"passphrase_file": str(word)} if passphrase else {})}
    bed.relay.configure({**bed.relay.settings, "sign": sign})
    with bed:
        yield bed, fingerprint, word


async def prove_over_both(bed: Bed, hop: ScriptedHop, spoil: Callable[[], object], heal: Callable[[], object]) -> None:
    """A mail with three outcomes by way of each inlet, while signing fails."""
    for over in (bed.over("lmtp"), bed.over("smtp")):
        assert await over.mta.attempt(bed.letter(ANNA)) == [OK]
        spoil()
        try:
            await over.prove(hop, write(bed, "three"), expected(over, "three"), heal)
        finally:
            heal()


async def test_the_agent_has_gone_and_comes_back_by_itself() -> None:
    async with signing() as (bed, _, _), bed.hop() as hop:
        for number, scheme in itertools.product((signal.SIGTERM, signal.SIGKILL), ("lmtp", "smtp")):
            over = bed.over(scheme)
            assert await over.mta.attempt(bed.letter(ANNA)) == [OK]
            agent = agent_of(bed.relay.keyring)
            assert agent
            os.kill(agent, number)
            wait_for(partial(ended, agent), "the agent has gone")  # a look of the relay may have started another
            again = bed.letter(ANNA, hidden=(BERTA,))
            await over.mta.until_final(again)
            over.assert_served(hop, again)


def stop(process: int) -> None:
    """SIGSTOP; again where the kernel continues it, because whoever started it has just ended."""

    def stopped() -> bool:
        os.kill(process, signal.SIGSTOP)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    wait_for(stopped, "the agent is stopped")


async def test_the_agent_hangs() -> None:
    async with signing() as (bed, _, _), bed.hop() as hop:
        assert await bed.mta.attempt(bed.letter(ANNA)) == [OK]
        agent = agent_of(bed.relay.keyring)
        assert agent
        await prove_over_both(bed, hop, lambda: stop(agent), lambda: os.kill(agent, signal.SIGCONT))


async def test_the_signing_key_expires_while_the_relay_runs() -> None:
    async with signing() as (bed, fingerprint, _), bed.hop() as hop:
        home = bed.relay.keyring

        def expire() -> None:
            gpg(home, "--quick-set-expire", fingerprint, "seconds=1")
            time.sleep(2.1)

        await prove_over_both(bed, hop, expire, lambda: gpg(home, "--quick-set-expire", fingerprint, "1y"))


async def test_the_passphrase_is_wrong() -> None:
    async with signing(passphrase=RIGHT) as (bed, _, word), bed.hop() as hop:

        def say(text: str) -> None:
            word.write_text(f"{text}\n")
            bed.reload(bed.relay.settings)
            stop_agent(bed.relay.keyring)  # it would remember the right one

        await prove_over_both(bed, hop, lambda: say("no"), lambda: say(RIGHT))
        assert RIGHT not in bed.relay.log


async def test_the_encrypted_mail_names_its_recipients_alone(bed: Bed) -> None:
    """The way that works, as a measure for the others: one copy for the one who is hidden, one for the one named."""
    async with bed.hop() as hop:
        mail = write(bed, "two")
        assert await bed.mta.attempt(mail) == [OK, OK]
        assert sorted(recipients(message) for message in hop.messages) == [[ANNA], [BERTA]]
        assert_nothing_clear(hop)
