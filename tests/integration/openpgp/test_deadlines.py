"""Every call of GnuPG has a deadline: one that hangs, wherever it is called, is an error in time and leaves nothing."""

from __future__ import annotations

import os
import signal
import sys
import time
from asyncio import base_events
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from lab.certificates import Keypair, make_keypair
from lab.gnupghome import generate, gnupg_home, gpg, mute_agent, secret_key
from lab.hanging import Hanging, running
from lab.key_site import exported_within
from lab.relay import Relay

from relay.admin.key_import import Refusal
from relay.cli import demo_correspondent, demo_environment
from relay.model import Certificate, Signer
from relay.model.errors import EngineTimeout, RelayError
from relay.openpgp import key_transfer, output_pipe, signing
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG
from relay.openpgp.sequoia import Sequoia, SequoiaExaminer
from relay.openpgp.sequoia.signers import Signers

pytestmark = pytest.mark.waits

AT_MOST = 15.0
"""Seconds that a test takes on a machine with much else to do; the deadlines themselves are longer (`lab.hanging`)."""
BRIEF = 0.4
"""A deadline that may be over before whoever is to meet it has begun."""
OF_A_PROGRAM = 2.5
"""One that no clock of asyncio measures, and that starting a program of ours keeps on a slow machine too."""


@dataclass(frozen=True)
class Given:
    """What the calls need, made with the real gpg."""

    home: Path
    signer: str
    secret: bytes
    bob: Keypair
    certificate: Certificate
    weak: Certificate


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with gnupg_home() as path:
        yield path


@pytest.fixture(scope="module")
def keys(home: Path) -> tuple[str, bytes, bytes]:
    """A key that signs, its secret half, and a certificate that Sequoia does not encrypt to."""
    signer = secret_key(home)
    with gnupg_home() as theirs:
        weak = gpg(theirs, "--export", generate(theirs, "Old <old@example.org>", "rsa1024", "sign,encr")).stdout
    return signer, gpg(home, "--export-secret-keys", signer).stdout, weak


@pytest.fixture(scope="module")
def bob() -> Keypair:
    return make_keypair("Bob <bob@example.org>")


@pytest.fixture
async def given(home: Path, keys: tuple[str, bytes, bytes], bob: Keypair) -> Given:
    judged = [c for c in await GnuPGExaminer().examine([bob.public, keys[2]]) if isinstance(c, Certificate)]
    return Given(home, keys[0], keys[1], bob, *judged)


CALLS: dict[str, tuple[str, Callable[[Given], Awaitable[object]]]] = {
    "encrypt": (" --encrypt ", lambda g: GnuPG(g.home).encrypt(b"x", [g.certificate], None)),
    "sign and encrypt": (" --sign ", lambda g: GnuPG(g.home).encrypt(b"x", [g.certificate], Signer(g.signer))),
    "encrypt what Sequoia declines": (" --encrypt ", lambda g: Sequoia(g.home).encrypt(b"x", [g.weak], None)),
    "examine": (" --import ", lambda g: GnuPGExaminer().examine([g.bob.public])),
    "examine with Sequoia": (" --import ", lambda g: SequoiaExaminer().examine([g.bob.public])),
    "merge": (" --import ", lambda g: GnuPGExaminer().merge(g.bob.public, g.bob.public)),
    "judge a revocation": (" --import ", lambda g: GnuPGExaminer().revoked_by(g.bob.public, g.bob.public)),
    "judge a revocation, at its end": (
        " --list-keys",
        lambda g: GnuPGExaminer().revoked_by(g.bob.public, g.bob.public),
    ),
    "list": (" --list-secret-keys ", lambda g: signing.secret_keys(g.home)),
    "resolve": (" --list-secret-keys ", lambda g: signing.resolve(g.home, g.signer)),
    "generate": (" --quick-generate-key ", lambda g: signing.generate(g.home, "New", "new@example.org")),
    "export": (" --export ", lambda g: signing.export(g.home, g.signer)),
    "try a signature": (" --detach-sign ", lambda g: signing.can_sign(g.home, g.signer)),
    "import a secret key": (" --import ", lambda g: signing.import_secret(g.home, g.secret)),
    "back up": (" --export ", lambda g: key_transfer.taken(g.home)),
    "restore": (" --import ", lambda g: key_transfer.put(g.home, {key_transfer.PUBLIC: g.bob.public})),
    "open for Sequoia": (" --export-secret-keys ", lambda g: Signers(g.home, None).get(Signer(g.signer))),
}


@pytest.fixture
def hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Hanging]:
    """Put one that hangs on our PATH, and its clock into this process."""

    def install(on: str, name: str = "gpg") -> Hanging:
        made = Hanging(tmp_path / "bin", on, name)
        monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
        for where, what in ((base_events, "MAXIMUM_SELECT_TIMEOUT"), (base_events.BaseEventLoop, "time")):
            monkeypatch.setattr(where, what, getattr(where, what))  # as it was, afterwards
        exec(made.clock, {})  # noqa: S102  our own
        return made

    return install


@pytest.mark.parametrize("what", CALLS)
async def test_a_call_that_hangs_is_ended_in_time(what: str, given: Given, hang: Callable[..., Hanging]) -> None:
    on, called = CALLS[what]
    hanging = hang(on)
    begun = time.monotonic()
    with pytest.raises(EngineTimeout):
        await called(given)
    assert time.monotonic() - begun < AT_MOST
    hanging.assert_met_and_gone()


@pytest.mark.parametrize("what", ["generate", "try a signature", "import a secret key", "open for Sequoia"])
async def test_an_agent_that_does_not_answer_is_waited_for_no_longer(
    what: str, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "SECONDS", BRIEF)
    with mute_agent(given.home), pytest.raises(EngineTimeout):
        await CALLS[what][1](given)


async def test_the_export_of_a_gnupg_home_left_what_gpg_had_started(given: Given, hang: Callable[..., Hanging]) -> None:
    hanging = hang(" --export ")
    begun = time.monotonic()
    async with exported_within(given.home) as (found, _what_the_keybox_holds):
        assert isinstance(found, Refusal)
        assert found.reason.startswith("GnuPG could not export")
    assert time.monotonic() - begun < AT_MOST
    hanging.assert_met_and_gone()


async def test_examining_waited_for_ever_for_what_gpg_had_left_behind(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gpg itself ends at once: what it has started keeps the pipe open, into which it would have written."""
    (tmp_path / "gpg").write_text(f"#!/bin/bash\ntail -f {tmp_path}/gpg &\necho $! > {tmp_path}/pid\n")
    (tmp_path / "gpg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(output_pipe, "DRAINED_WITHIN", BRIEF)
    try:
        with pytest.raises(EngineTimeout):
            await GnuPGExaminer().examine([given.bob.public])
    finally:
        with suppress(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


# Commands


@pytest.fixture(scope="module")
def site(bob: Keypair, keys: tuple[str, bytes, bytes]) -> Iterator[Relay]:
    """A relay that signs, and files for its commands."""
    with Relay({"reinject": "smtp://127.0.0.1:1"}) as relay:
        relay.run("keys", "generate", "Relay", "relay@hopital.example")
        relay.configure({**relay.settings, "sign": {"default": "relay@hopital.example"}})
        (relay.folder / "bob.pgp").write_bytes(bob.public)
        (relay.folder / "other.pgp").write_bytes(keys[1])
        relay.run("backup", "kept")
        yield relay


TIMEOUT = "gpg did not finish in time"
COMMANDS: dict[str, tuple[list[str], str, str]] = {
    "serve": (["serve"], " --list-secret-keys ", TIMEOUT),
    "check": (["check"], " --detach-sign ", TIMEOUT),
    "keys import": (["keys", "import", "bob.pgp"], " --import ", TIMEOUT),
    "keys import --gnupg-home": (["keys", "import", "--gnupg-home", "keyring"], " --export ", "could not export"),
    "keys import --signing": (["keys", "import", "--signing", "other.pgp"], " --import ", TIMEOUT),
    "keys generate": (["keys", "generate", "New", "new@hopital.example"], " --quick-generate-key ", TIMEOUT),
    "backup": (["backup", "another"], " --export ", TIMEOUT),
    "restore": (["restore", "--yes", "kept"], " --import ", TIMEOUT),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_whose_gpg_hangs_says_so_and_ends(name: str, site: Relay, tmp_path: Path) -> None:
    words, on, told = COMMANDS[name]
    hanging = Hanging(tmp_path / "bin", on)
    before, site.path, site.altered = site.path, f"{hanging.folder}:{site.path}", hanging.clock
    try:
        begun = time.monotonic()
        done = site.run(*words, check=False)
        assert time.monotonic() - begun < AT_MOST
    finally:
        site.path, site.altered = before, ""
    assert done.returncode == 1
    assert told in (done.stdout + done.stderr).decode()
    hanging.assert_met_and_gone()


# The demo, which is somebody else's gpg too


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_correspondent, "SECONDS", OF_A_PROGRAM)
    monkeypatch.setattr(demo_environment, "STOPPED_WITHIN", OF_A_PROGRAM)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("on", "act"),
    [
        (" --quick-generate-key ", lambda recipient: recipient.make(recipient.home / "new")),
        (" --import ", lambda recipient: recipient.learn("")),
        (" --decrypt ", lambda recipient: recipient.decrypt(b"-----BEGIN PGP MESSAGE-----\n-----END PGP MESSAGE-----")),
    ],
)
def test_the_demo_s_recipient_does_not_wait_for_ever(
    on: str, act: Callable[[demo_correspondent.Recipient], object], tmp_path: Path, hang: Callable[..., Hanging]
) -> None:
    hanging = hang(on)
    with pytest.raises(RelayError, match="gpg did not do"):
        act(demo_correspondent.Recipient(tmp_path, tmp_path / "public"))
    hanging.assert_met_and_gone()


@pytest.mark.usefixtures("quick")
def test_the_demo_waited_for_ever_for_a_gpgconf_that_hangs(hang: Callable[..., Hanging]) -> None:
    hanging = hang(" --kill ", "gpgconf")
    begun = time.monotonic()
    with pytest.raises(RelayError, match="gpgconf"), demo_environment.folder() as place:
        (place / "keyring").mkdir()
    assert time.monotonic() - begun < AT_MOST
    assert not place.exists()
    hanging.assert_met_and_gone()


async def test_the_demo_waited_for_ever_for_a_relay_that_does_not_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = tmp_path / "deaf.py"
    deaf.write_text(
        "import signal, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        """sys.stderr.write('{"event": "ready", "listen": ["smtp://127.0.0.1:25"]}\\n')\nsignal.pause()\n"""
    )
    monkeypatch.setattr(demo_environment, "STOPPED_WITHIN", BRIEF)
    monkeypatch.setattr(demo_environment, "_program", partial(_deaf, deaf))
    with pytest.raises(RelayError, match="did not stop"):
        async with demo_environment.serving(tmp_path / "config.yaml") as port:
            assert port == 25
    assert not running(tmp_path)


def _deaf(program: Path, *_: object) -> list[str]:
    return [sys.executable, str(program)]
