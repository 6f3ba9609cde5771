"""gpg that misbehaves, is missing, or has a hostile home: real programs on a private PATH."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.certificates import Keypair, make_certificates, make_keypair
from lab.clock import leap
from lab.gnupghome import generate, gpg, mute_agent, secret_key, stop_agent
from lab.processes import as_nice
from lab.readers import read_gnupg
from lab.waiting import until

from relay.mail import packets
from relay.model import Certificate, Signer
from relay.model.errors import EngineError, EngineTimeout
from relay.openpgp import call
from relay.openpgp import home as gnupg_home_module
from relay.openpgp.examiner import NICE, GnuPGExaminer
from relay.openpgp.gnupg import GnuPG

STATUS = 'while [ $# -gt 0 ]; do [ "$1" = --status-fd ] && s=$2; shift; done\n'
SUCCESS = (
    "printf '[GNUPG:] BEGIN_ENCRYPTION 2 9\\n[GNUPG:] SIG_CREATED S 22 8 00 1 AA\\n[GNUPG:] END_ENCRYPTION\\n' >&$s\n"
)
PKESK = r"\204\014\003AAAAAAAA\001XX"

Fake = Callable[[str], None]


@pytest.fixture(scope="module")
def bob() -> Keypair:
    return make_keypair("Bob <bob@example.org>")


@pytest.fixture
async def certificates(bob: Keypair) -> list[Certificate]:
    return [c for c in await GnuPGExaminer().examine([bob.public]) if isinstance(c, Certificate)]


@pytest.fixture
def fake_gpg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put a shell script in gpg's place."""

    def install(script: str) -> None:
        (tmp_path / "gpg").write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / "gpg").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return install


async def encrypt(
    home: Path, certificates: list[Certificate], signer: str | None = None, within: float = 30.0
) -> bytes:
    return await GnuPG(home, timeout=within).encrypt(b"secret", certificates, Signer(signer) if signer else None)


@pytest.mark.parametrize(
    "script",
    [
        "exit 0",
        "exit 2",
        "kill -9 $$",
        "echo hello",
        "cat",
        STATUS + SUCCESS,
        STATUS + SUCCESS + "echo garbage",
        STATUS + SUCCESS + "cat",
        STATUS + SUCCESS + f"printf '{PKESK}'",
        STATUS + SUCCESS + f"printf '{PKESK}\\322\\005\\001abcd'; exit 2",
        STATUS + SUCCESS + f"printf '{PKESK}\\322\\007\\001abcd'",
        STATUS + SUCCESS + f"printf '{PKESK}\\322\\005\\002abcd'",
        STATUS + SUCCESS + f"printf '{PKESK}\\324\\005\\001abcd'",
        STATUS + SUCCESS + f"printf '{PKESK}{PKESK}\\322\\005\\001abcd'",
        STATUS + SUCCESS + f"printf '{PKESK}\\322\\005\\001abcd\\313\\006b\\000\\000\\000\\000x'",
        STATUS + SUCCESS + "printf '\\322\\005\\001abcd'",
        STATUS + f"printf '{PKESK}\\322\\005\\001abcd'",
        STATUS
        + "printf '[GNUPG:] SIG_CREATED nonsense\\n[GNUPG:] END_ENCRYPTION\\n' >&$s\n"
        + f"printf '{PKESK}\\322\\005\\001abcd'",
        STATUS + "printf '[GNUPG:] END_ENCRYPTION\\n' >&$s\n" + f"printf '{PKESK}\\322\\005\\001abcd'",
        STATUS + "printf '[GNUPG:] SIG_CREATED S 22 8 00 1 AA\n' >&$s\n" + f"printf '{PKESK}\\322\\005\\001abcd'",
        STATUS + SUCCESS + "head -c 10000000 /dev/zero",
        STATUS + SUCCESS + "cat /dev/zero",
        STATUS + "cat /dev/zero >&$s",
    ],
)
async def test_whatever_else_gpg_does_is_an_error(
    home: Path, certificates: list[Certificate], fake_gpg: Fake, script: str
) -> None:
    fake_gpg(script)
    with pytest.raises(EngineError):
        await encrypt(home, certificates, "F" * 40)


async def test_the_fakes_above_fail_for_their_fault_alone(
    home: Path, certificates: list[Certificate], fake_gpg: Fake
) -> None:
    fake_gpg(STATUS + SUCCESS + f"printf '{PKESK}\\322\\005\\001abcd'")
    assert await encrypt(home, certificates, "F" * 40)


async def test_gpg_s_own_words_are_not_passed_on(home: Path, certificates: list[Certificate], fake_gpg: Fake) -> None:
    fake_gpg(STATUS + "echo 'SECRET DIAGNOSIS' >&2; echo '[GNUPG:] ERROR SECRET 1' >&$s; exit 2")
    with pytest.raises(EngineError) as caught:
        await encrypt(home, certificates)
    assert "SECRET" not in repr(caught.value)


async def test_gpg_that_hangs_is_ended_with_its_children(
    home: Path, certificates: list[Certificate], fake_gpg: Fake, tmp_path: Path
) -> None:
    child = tmp_path / "child"
    fake_gpg(f"sleep 600 & echo $! > {child}.new; mv {child}.new {child}; wait")
    encryption = asyncio.create_task(encrypt(home, certificates))
    await until(child.exists)
    while not encryption.done():
        leap(40)  # whenever it has begun to count
        await asyncio.sleep(0.05)
    with pytest.raises(EngineTimeout):
        await encryption
    assert ended(child)


async def test_gpg_that_ignores_every_signal_it_can_is_ended(
    home: Path, certificates: list[Certificate], fake_gpg: Fake, tmp_path: Path
) -> None:
    fake_gpg(f"trap '' TERM INT HUP PIPE; touch {tmp_path}/trapped; while :; do sleep 1; done")
    encryption = asyncio.create_task(encrypt(home, certificates))
    await until((tmp_path / "trapped").exists)
    while not encryption.done():
        leap(40)
        await asyncio.sleep(0.05)
    with pytest.raises(EngineTimeout):
        await encryption


async def test_a_caller_who_is_cancelled_leaves_no_gpg_behind(
    home: Path, certificates: list[Certificate], fake_gpg: Fake, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "started")
    fake_gpg(f"echo $$ > {tmp_path}/pid; echo > {tmp_path}/started; sleep 600")
    task = asyncio.create_task(encrypt(home, certificates))
    await asyncio.to_thread((tmp_path / "started").read_bytes)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended(tmp_path / "pid")


async def test_gpg_that_is_missing(
    home: Path, certificates: list[Certificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(EngineError, match="PATH"):
        await encrypt(home, certificates)


async def test_gpg_that_cannot_be_run(
    home: Path, certificates: list[Certificate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(tmp_path / "gpg")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError):
        await encrypt(home, certificates)


async def test_gpg_gets_nothing_of_our_environment(
    home: Path, certificates: list[Certificate], fake_gpg: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNUPGHOME", "/nowhere")
    monkeypatch.setenv("HOME", "/nowhere")
    fake_gpg(f'env > {tmp_path}/env; echo "$@" > {tmp_path}/arguments; exit 2')
    with pytest.raises(EngineError):
        await encrypt(home, certificates)
    names = {line.split("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names <= {"PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}
    assert f"--homedir {home} --options {call.OPTIONS}" in (tmp_path / "arguments").read_text()
    assert "secret" not in (tmp_path / "arguments").read_text()


async def test_an_agent_that_was_killed_comes_back(home: Path, certificates: list[Certificate], bob: Keypair) -> None:
    signer = secret_key(home)
    public = gpg(home, "--export", signer).stdout
    stop_agent(home)
    assert read_gnupg(await encrypt(home, certificates, signer), bob.secret, public) == b"secret"


async def test_an_agent_that_cannot_start_is_an_error(home: Path, certificates: list[Certificate]) -> None:
    signer = secret_key(home)
    stop_agent(home)
    (home / "S.gpg-agent" / "in the way").mkdir(parents=True)  # where its socket would be
    with pytest.raises(EngineError):
        await encrypt(home, certificates, signer)


async def test_an_agent_that_does_not_answer_is_a_timeout(home: Path, certificates: list[Certificate]) -> None:
    signer = secret_key(home)
    with mute_agent(home), pytest.raises(EngineTimeout):
        await encrypt(home, certificates, signer, within=0.5)
    assert await encrypt(home, certificates, signer)


async def test_what_an_administrator_writes_into_the_home_changes_nothing(
    home: Path, certificates: list[Certificate], bob: Keypair
) -> None:
    other = generate(home, "Spy <spy@example.org>")
    (home / "gpg.conf").write_text(
        f"encrypt-to {other}\ndefault-recipient-self\narmor\ncompress-algo zip\ncipher-algo 3DES\nthrow-keyids\n"
        "trust-model pgp\ncomment hello\nemit-version\nno-such-option\n"
    )
    message = await GnuPG(home).encrypt(b"secret" * 1000, certificates, None)
    first, second = packets.walk(message)
    assert (
        packets.pkesk_key_id(packets.body(message, first))
        == certificates[0].encryption_components(time.time())[0].key_id
    )
    assert (first.tag, second.tag, message[second.body_start]) == (1, 18, 1)
    assert len(message) > 6000
    assert read_gnupg(message, bob.secret, None) == b"secret" * 1000


async def test_a_path_too_long_for_the_agent_s_socket_works(
    home: Path, certificates: list[Certificate], bob: Keypair
) -> None:
    long = home / ("x" * 150)
    gnupg_home_module.prepare(long)
    assert len(str(long)) > 150
    short = gnupg_home_module.reachable(long)
    signer = secret_key(short)
    try:
        message = await encrypt(long, certificates, signer)
        assert read_gnupg(message, bob.secret, gpg(short, "--export", signer).stdout) == b"secret"
    finally:
        stop_agent(short)


async def test_recipients_never_enter_gnupg_s_keyring(home: Path, certificates: list[Certificate]) -> None:
    await encrypt(home, certificates)
    assert gpg(home, "--list-keys").stdout == b""


async def test_no_descriptor_is_left_open(home: Path, certificates: list[Certificate], fake_gpg: Fake) -> None:
    await encrypt(home, certificates)
    gc.collect()  # what other tests have left
    before = open_descriptors()
    for _ in range(3):
        await encrypt(home, certificates)
        await GnuPGExaminer().examine(make_certificates(2))
    fake_gpg("exit 2")
    with pytest.raises(EngineError):
        await encrypt(home, certificates)
    await until(lambda: open_descriptors() <= before)  # asyncio closes its own a turn later


async def test_a_call_that_is_nice_gives_way_to_the_relay(home: Path, fake_gpg: Fake) -> None:
    """In the relay's own session: Linux weighs sessions against each other, whatever is nice in them."""
    wait = f'until [ "$(nice)" = {as_nice(7)} ]; do :; done\n'
    fake_gpg(f'{wait}[ "$(cut -d " " -f 6 /proc/$$/stat)" = {os.getsid(0)} ]')
    assert (await call.run(home, seconds=20, nice=7)).code == 0


async def test_certificates_of_strangers_are_judged_nicely(fake_gpg: Fake, bob: Keypair) -> None:
    fake_gpg(f'until [ "$(nice)" = {as_nice(NICE)} ]; do :; done\nexec /usr/bin/gpg "$@"')
    (verdict,) = await GnuPGExaminer(timeout=20).examine([bob.public])
    assert isinstance(verdict, Certificate)


@pytest.mark.usefixtures("pidfd")
async def test_it_works_without_a_thread_a_child(home: Path, certificates: list[Certificate]) -> None:
    await asyncio.gather(*(encrypt(home, certificates) for _ in range(8)))


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def spoil(program: Path) -> None:
    """Executable, and no program."""
    program.write_bytes(b"\x7fELF no program")
    program.chmod(0o755)


def ended(pid_file: Path) -> bool:
    """Whether that process ends within seconds."""
    try:
        process = os.pidfd_open(int(pid_file.read_text()))
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 10)[0])
    finally:
        os.close(process)
