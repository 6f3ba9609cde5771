"""Importing real certificates, judged by the real gpg, also beside another process on the same store."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.certificates import fingerprint, join, make_certificates, make_keypair, split
from lab.gnupghome import generate, gnupg_home, gpg
from lab.key_site import exported_within
from lab.waiting import wait_for

from relay.admin.key_import import File, Intake, Outcome, Refusal, Result, survey
from relay.keys.keyring import Keyring
from relay.mail.armor import enarmor
from relay.model import Address, Found, Unusable, Why
from relay.openpgp.examiner import GnuPGExaminer
from relay.store import Store

CERTS = Path(__file__).parents[4] / "shared" / "certs"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "s.db") as opened:
        yield opened


async def _import(store: Store, *files: File | Refusal, stdin: bytes = b"") -> list[Result]:
    intake = Intake(GnuPGExaminer(), store.certificates, actor="cli:root")
    return [r async for r in intake.run(files or [File("-")], stdin=io.BytesIO(stdin))]


async def test_real_certificates_are_imported_updated_and_unchanged(store: Store) -> None:
    bob, carol = make_certificates(2)
    assert [r.outcome for r in await _import(store, stdin=enarmor(bob + carol, "PUBLIC KEY BLOCK"))] == [
        Outcome.IMPORTED,
        Outcome.IMPORTED,
    ]
    assert [r.outcome for r in await _import(store, stdin=carol + bob)] == [Outcome.UNCHANGED] * 2
    found = await Keyring(store.certificates).lookup(Address("person0@example.org"))
    assert isinstance(found, Found)
    assert found.certificate.fingerprint == fingerprint(bob)


async def test_a_revocation_makes_it_unusable_and_an_older_copy_does_not_undo_that(store: Store) -> None:
    pair = make_keypair("Bob <bob@example.org>")
    first, *rest = split(pair.public)
    assert [r.outcome for r in await _import(store, stdin=pair.public)] == [Outcome.IMPORTED]
    (revoked,) = await _import(store, stdin=join([first, *split(pair.revocation), *rest]))
    assert (revoked.outcome, revoked.reason) == (Outcome.UPDATED, Why.REVOKED.value)
    (again,) = await _import(store, stdin=pair.public)
    assert (again.outcome, again.reason) == (Outcome.UNCHANGED, Why.REVOKED.value)
    answer = await Keyring(store.certificates).lookup(Address("bob@example.org"))
    assert isinstance(answer, Unusable)
    assert answer.why is Why.REVOKED


async def test_a_gnupg_home_is_imported_and_nothing_in_it_changes(store: Store) -> None:
    with gnupg_home() as home:
        made = {generate(home, f"{n} <{n}@example.org>", "future-default") for n in ("bob", "carol")}
        before = {p.name: p.read_bytes() for p in home.iterdir() if p.is_file()}
        async with exported_within(home) as (file,):
            assert isinstance(file, File)
            results = await _import(store, file)
        assert {p.name: p.read_bytes() for p in home.iterdir() if p.is_file()} == before
        assert {r.fingerprint for r in results} == made
        assert {(r.place, r.outcome) for r in results} == {(str(home), Outcome.IMPORTED)}


async def test_a_folder_that_is_no_gnupg_home_or_an_empty_one_is_told_and_left_alone(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "missing"):
        async with exported_within(folder) as file:
            assert file == [Refusal(str(folder), 0, "This folder is no GnuPG home: it has no pubring.kbx.")]
    empty.rmdir()  # gpg put no keyring there
    with gnupg_home() as home:
        gpg(home, "--list-keys")
        async with exported_within(home) as file:
            assert file == [Refusal(str(home), 0, "This GnuPG home holds no public key.")]


@pytest.mark.parametrize("name", ["pubring.kbx", "trustdb.gpg", "public-keys.d/pubring.db"])
async def test_a_pipe_in_a_gnupg_home_is_not_waited_for(name: str) -> None:
    """gpg waited for its ten minutes, and was left behind where the command was ended before."""
    with gnupg_home() as home:
        (home / "public-keys.d").mkdir()
        (home / "pubring.gpg").write_bytes(b"")
        os.mkfifo(home / name)
        async with asyncio.timeout(20), exported_within(home) as (file,):
            assert isinstance(file, Refusal)
            assert f"{Path(name).name} is not a regular file" in file.reason


EXPORT = """
import asyncio, sys
from pathlib import Path
from relay.admin.key_import import gnupg_home
with open(sys.argv[2], "wb") as out:
    asyncio.run(gnupg_home._export(Path(sys.argv[1]), out.fileno()))
"""


def test_a_command_that_is_ended_leaves_no_gpg_behind(tmp_path: Path) -> None:
    (tmp_path / "gpg").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    (tmp_path / "gpg").chmod(0o755)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "pubring.kbx").write_bytes(b"")
    command: list[str | Path] = [sys.executable, "-c", EXPORT, tmp_path / "home", tmp_path / "out"]
    with subprocess.Popen(command, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}) as process:
        pid = int(wait_for(lambda: (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else "", "gpg runs"))
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_an_exported_private_key_is_refused_with_a_hint(store: Store) -> None:
    pair = make_keypair("Bob <bob@example.org>")
    for content in (pair.secret, enarmor(pair.secret, "PRIVATE KEY BLOCK")):
        (result,) = await _import(store, stdin=content)
        assert result.outcome is Outcome.REFUSED
        assert "keys generate" in result.reason


async def test_of_five_megabytes_of_junk_signatures_the_addresses_are_kept_and_the_rest_imported(store: Store) -> None:
    poisoned, good = make_certificates(2)
    key, *rest = split(poisoned)
    signature = next(octets for tag, octets in rest if tag == 2)
    junk = [(2, signature)] * (5_000_000 // len(signature))
    refused, imported = await _import(store, stdin=join([key, rest[0], *junk, *rest[1:]]) + good)
    assert (refused.outcome, refused.never_usable) == (Outcome.IMPORTED, True)
    assert "larger than 4 MiB" in refused.reason
    assert refused.certificate
    assert refused.certificate.shown_addresses
    assert len(refused.certificate.data) < 10_000
    assert imported.outcome is Outcome.IMPORTED


@pytest.mark.skipif(not CERTS.exists(), reason="the certificates in ../shared/certs are not here")
async def test_other_peoples_certificates_each_have_a_fate(store: Store) -> None:
    files = survey([CERTS])
    results = await _import(store, *files)
    assert {f.place for f in files} == {r.place for r in results}
    assert all(r.reason or r.certificate for r in results)
    again = await _import(store, *files)
    assert {r.outcome for r in again} <= {Outcome.UNCHANGED, Outcome.REFUSED}
    assert [r.outcome is Outcome.REFUSED for r in again] == [r.outcome is Outcome.REFUSED for r in results]


IMPORT = """
import asyncio, sys
from relay.admin.key_import import Intake, survey
from relay.store import Store
from relay.openpgp.examiner import GnuPGExaminer
class Examiner(GnuPGExaminer):
    async def examine(self, blobs):
        verdicts = await super().examine(blobs)
        if not sys.stdin.closed:
            print("judged", flush=True)
            await asyncio.to_thread(sys.stdin.read)
            sys.stdin.close()
        return verdicts
async def main():
    async with await Store.open(sys.argv[1]) as store:
        async for result in Intake(Examiner(), store.certificates, actor="cli:root").run(survey(sys.argv[2:])):
            print(result.outcome)
asyncio.run(main())
"""


async def test_two_imports_and_a_running_relay_do_not_disturb_each_other(tmp_path: Path) -> None:
    (tmp_path / "keys.pgp").write_bytes(b"".join(make_certificates(300)))
    path = tmp_path / "s.db"
    async with await Store.open(path) as store:
        (first,) = await _import(store, stdin=make_certificates(1, "hopital.example")[0])
        keyring = Keyring(store.certificates)
        command: list[str | Path] = [sys.executable, "-W", "error", "-c", IMPORT, str(path), str(tmp_path / "keys.pgp")]
        looked = 0

        async def look() -> None:
            nonlocal looked
            found = await keyring.lookup(Address("person0@hopital.example"))
            assert isinstance(found, Found)
            assert found.certificate.fingerprint == first.fingerprint
            await store.ledger.record(b"t", [str(looked)])
            looked += 1

        pipe = subprocess.PIPE
        children = [await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe) for _ in range(2)]
        for child in children:
            assert child.stdout
            assert await child.stdout.readline() == b"judged\n"
            await look()
        telling = asyncio.gather(*(child.communicate(b"") for child in children))  # both store theirs from now on
        while not telling.done():
            await look()
            await asyncio.sleep(0.01)
        fates = [line for out, _ in await telling for line in out.decode().split()]
        assert [child.returncode for child in children] == [0, 0]
        assert sorted(set(fates)) == ["imported", "unchanged"]
        assert fates.count("imported") == 300
        assert (await store.certificates.counts()).total == 301
        assert len(await store.ledger.served(b"t")) == looked >= len(children)
