from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from pathlib import Path

import pysequoia
import pytest
from lab.certificates import fingerprint, join, make_certificates, make_keypair, split
from lab.gnupghome import expired_certificate, generate, gnupg_home, gpg
from lab.shared import CERTS, needs_certs, octets

from relay.admin.key_import import splitter as intake
from relay.admin.key_import.result import Offer
from relay.mail import packets
from relay.model import Address, Certificate, Unreadable, Why
from relay.model.errors import EngineError
from relay.openpgp import completion
from relay.openpgp import examiner as module
from relay.openpgp.canonical_order import in_order
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG


def certificate(verdict: Certificate | Unreadable) -> Certificate:
    assert isinstance(verdict, Certificate), verdict
    return verdict


async def examined(blob: bytes) -> Certificate:
    [verdict] = await GnuPGExaminer().examine([blob])
    return certificate(verdict)


def why(verdict: Certificate) -> Why | None:
    return verdict.unusable(time.time())


async def test_a_good_certificate_is_usable_and_complete() -> None:
    pair = make_keypair("Bob <bob@example.org>", "Robert <robert@example.org>")
    verdict = await examined(pair.public)
    assert why(verdict) is None
    assert verdict.fingerprint == pair.fingerprint
    assert verdict.addresses == (Address("bob@example.org"), Address("robert@example.org"))
    assert [c.algorithm for c in verdict.components if c.encrypts] == ["cv25519"]
    assert verdict.version == 4
    assert verdict.weaknesses(time.time()) == ()


async def test_its_canonical_octets_do_not_change_any_more() -> None:
    verdict = await examined(make_keypair("Bob <bob@example.org>").public)
    assert (await examined(verdict.data)).data == verdict.data


async def test_a_revocation_that_stands_after_the_subkeys_counts() -> None:
    pair = make_keypair("Bob <bob@example.org>")
    misplaced = pair.public + pair.revocation
    verdict = await examined(misplaced)
    assert why(verdict) is Why.REVOKED
    assert [tag for tag, _ in split(verdict.data)][:3] == [6, 2, 2]
    assert verdict.addresses == (Address("bob@example.org"),)
    with gnupg_home() as home:  # the trap: gpg by hand encrypts to what was published
        (home / "misplaced").write_bytes(misplaced)
        (home / "canonical").write_bytes(verdict.data)
        arguments = ("--trust-model", "always", "-e", "-f")
        assert gpg(home, *arguments, str(home / "misplaced"), content=b"x", check=False).returncode == 0
        assert gpg(home, *arguments, str(home / "canonical"), content=b"x", check=False).returncode != 0


async def test_someone_else_s_revocation_does_not_count() -> None:
    bob, eve = make_keypair("Bob <bob@example.org>"), make_keypair("Eve <eve@example.org>")
    primary, *rest = split(bob.public)
    assert why(await examined(join([primary, (2, eve.revocation), *rest]))) is None
    assert why(await examined(bob.public + eve.revocation)) is None


async def test_an_expired_certificate_keeps_its_address() -> None:
    with gnupg_home() as home:
        verdict = await examined(expired_certificate(home, "Old <old@example.org>"))
    assert why(verdict) is Why.EXPIRED
    assert verdict.addresses == (Address("old@example.org"),)
    assert verdict.expires is not None
    assert verdict.expires < time.time()


async def test_one_that_is_not_valid_yet() -> None:
    with gnupg_home() as home:
        made = generate(home, "New <new@example.org>", at="20800101T000000!")
        blob = gpg(home, "--faked-system-time", "20800102T000000!", "--export", made).stdout
    verdict = await examined(blob)
    assert why(verdict) in {Why.NOT_YET_VALID, Why.INVALID}


async def test_a_revoked_user_id_binds_no_address() -> None:
    with gnupg_home() as home:
        made = generate(home, "Bob <bob@example.org>")
        gpg(home, "--quick-add-uid", made, "Bob <bob@left.example>")
        gpg(home, "--quick-revoke-uid", made, "Bob <bob@left.example>")
        verdict = await examined(gpg(home, "--export", made).stdout)
    assert verdict.addresses == (Address("bob@example.org"),)
    assert verdict.unusable(time.time(), Address("bob@left.example")) is Why.USER_ID_REVOKED
    assert why(verdict) is None


async def test_third_party_signatures_are_dropped() -> None:
    with gnupg_home() as home:
        bob, eve = generate(home, "Bob <bob@example.org>"), generate(home, "Eve <eve@example.org>")
        before = gpg(home, "--export", bob).stdout
        gpg(home, "--local-user", eve, "--quick-sign-key", bob)
        signed = gpg(home, "--export", bob).stdout
        assert len(signed) > len(before)
        assert (await examined(signed)).data == (await examined(before)).data


async def test_a_user_id_without_a_self_signature_binds_no_address_and_is_kept() -> None:
    pair = make_keypair("Bob <bob@example.org>")
    parts = split(pair.public)
    where = next(i for i, (tag, _) in enumerate(parts) if tag == 14)
    forged = (13, b"\xcd\x16Eve <eve@example.org>x"[:24])
    verdict = await examined(join([*parts[:where], forged, *parts[where:]]))
    assert verdict.addresses == (Address("bob@example.org"),)
    assert verdict.unusable(time.time(), Address("eve@example.org")) is Why.USER_ID_INVALID
    assert (await examined(verdict.data)) == verdict
    with gnupg_home() as home:
        await GnuPG(home).encrypt(b"x", [verdict], None)


async def test_a_subkey_without_a_binding_is_left_out() -> None:
    bob, eve = make_keypair("Bob <bob@example.org>"), make_keypair("Eve <eve@example.org>")
    stolen = split(eve.public)[-2:]
    verdict = await examined(bob.public + join(stolen))
    assert len(verdict.components) == 3


async def test_user_ids_in_latin_1_and_in_no_encoding_at_all() -> None:
    with gnupg_home() as home:
        made = generate(home, "Zoé <zoe@example.org>")
        blob = gpg(home, "--export", made).stdout
    assert [u.text for u in (await examined(blob)).user_ids] == ["Zoé <zoe@example.org>"]


async def test_a_bad_blob_spoils_no_other() -> None:
    good = make_certificates(4)
    cut = join(split(good[3])[:3])  # whole packets, but a user id without its signature
    damaged = bytearray(good[3])
    damaged[20] ^= 0xFF  # the public point
    odd = [b"", b"garbage", good[3][:300], bytes(damaged), cut, b"\xc6\x06\x06\x00\x00\x00\x00\x01"]
    verdicts = await GnuPGExaminer().examine([odd[0], good[0], *odd[1:4], good[1], *odd[4:], good[2]])
    assert [index for index, v in enumerate(verdicts) if isinstance(v, Certificate) and why(v) is None] == [1, 5, 8]
    assert [certificate(verdicts[i]).fingerprint for i in (1, 5, 8)] == [fingerprint(blob) for blob in good[:3]]


async def test_verdicts_come_in_the_order_of_the_blobs_over_many_batches() -> None:
    blobs = make_certificates(module.BATCH * 2 + 7)
    verdicts = await GnuPGExaminer().examine(blobs)
    assert [certificate(verdict).fingerprint for verdict in verdicts] == [fingerprint(blob) for blob in blobs]


async def told_calls(blobs: list[bytes], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Examine them: the options of each call of gpg that read them."""
    fake(folder, f'echo "$@" >> {folder}/calls\nexec {shutil.which("gpg")} "$@"')
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        assert all(isinstance(verdict, Certificate) for verdict in await GnuPGExaminer().examine(blobs))
    calls = (folder / "calls").read_text().splitlines()
    (folder / "calls").unlink()
    return [re.findall(r"--import-options (\S+)", call)[0] for call in calls]


async def test_signatures_that_stand_in_their_places_are_verified_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gpg took nearly twice as long for ten thousand: it verified each a second time, to find where it belongs."""
    [ordinary, other], pair = make_certificates(2), make_keypair("Bob <bob@example.org>")
    misplaced = pair.public + pair.revocation
    once, placed = "import-export,import-show,self-sigs-only,no-repair-keys", "import-export,import-show,self-sigs-only"
    assert await told_calls([ordinary, other], tmp_path, monkeypatch) == [once]
    assert await told_calls([misplaced], tmp_path, monkeypatch) == [placed]
    *parts, (tag, binding) = split(other)
    forged = join([*parts, (tag, binding[:-1] + bytes([binding[-1] ^ 1]))])
    assert await told_calls([ordinary, forged], tmp_path, monkeypatch) == [once, placed]


@needs_certs
async def test_where_signatures_stand_makes_no_difference_to_any_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is judged as it stands is judged as if gpg had put it in order."""
    blobs = [blob for file in sorted(CERTS.rglob("*")) if file.is_file() for blob in certificates_in(octets(file))]
    blobs += make_certificates(20)
    quick = await GnuPGExaminer().examine(blobs)
    plain = [in_order(blob) for blob in blobs]
    monkeypatch.setattr(module, "in_order", lambda _blob: False)
    assert quick == await GnuPGExaminer().examine(blobs)
    print(f"{sum(plain)} of {len(blobs)} stand in order")
    assert 20 < sum(plain) < len(blobs)


def certificates_in(content: bytes) -> list[bytes]:
    return [f.data for f in intake.split("", content) if isinstance(f, Offer) and not f.revocation]


async def test_two_states_of_one_key_are_judged_apart() -> None:
    pair = make_keypair("Bob <bob@example.org>")
    good, revoked, again = await GnuPGExaminer().examine([pair.public, pair.public + pair.revocation, pair.public])
    assert [why(certificate(v)) for v in (good, revoked, again)] == [None, Why.REVOKED, None]


async def test_nothing_to_examine_is_nothing() -> None:
    assert await GnuPGExaminer().examine([]) == []


@needs_certs
async def test_secret_keys_are_turned_away() -> None:
    [verdict] = await GnuPGExaminer().examine([octets(CERTS / "bre-samples" / "alice-secret.pgp")])
    assert isinstance(verdict, Unreadable)
    assert "secret" in verdict.reason


async def test_a_key_that_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "MOST_OCTETS", 500)
    verdict = await examined(make_certificates(1)[0])
    assert why(verdict) is Why.UNREADABLE
    assert len(verdict.data) < 500
    assert verdict.shown_addresses == (Address("person0@example.org"),)


async def test_a_temporary_folder_with_a_long_path_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 150)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    one, other = make_certificates(2)
    assert all(isinstance(verdict, Certificate) for verdict in await GnuPGExaminer().examine([one, other]))
    assert isinstance(await GnuPGExaminer().merge(one, one), Certificate)


async def test_no_agent_and_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    await GnuPGExaminer().examine(make_certificates(2))
    assert entries(tmp_path) == []
    assert str(tmp_path) not in running()


# merging


async def test_merging_keeps_a_revocation_that_the_news_do_not_have() -> None:
    pair = make_keypair("Bob <bob@example.org>")
    revoked = await examined(pair.public + pair.revocation)
    for states in ((revoked.data, pair.public), (pair.public, revoked.data)):
        assert why(certificate(await GnuPGExaminer().merge(*states))) is Why.REVOKED


async def test_merging_takes_a_longer_life() -> None:
    with gnupg_home() as home:
        made = generate(home, "Bob <bob@example.org>", expires="1d", at="20200101T000000!")
        old = gpg(home, "--export", made).stdout
        gpg(home, "--quick-set-expire", made, "0")
        gpg(home, "--quick-set-expire", made, "0", "*")
        new = gpg(home, "--export", made).stdout
    assert why(await examined(old)) is Why.EXPIRED
    for states in ((old, new), (new, old)):
        assert why(certificate(await GnuPGExaminer().merge(*states))) is None


async def test_merging_keeps_user_ids_of_both_states() -> None:
    with gnupg_home() as home:
        made = generate(home, "Bob <bob@example.org>")
        first = gpg(home, "--export", made).stdout
        gpg(home, "--quick-add-uid", made, "Bob <bob@second.example>")
        both = gpg(home, "--export", made).stdout
    merged = certificate(await GnuPGExaminer().merge(both, first))
    assert set(merged.addresses) == {Address("bob@example.org"), Address("bob@second.example")}


async def test_merging_a_state_without_user_ids_keeps_its_revocation() -> None:
    pair = make_keypair("Bob <bob@example.org>")
    primary = split(pair.public)[0]
    bare = join([primary, (2, pair.revocation)])
    for states in ((bare, pair.public), (pair.public, bare)):
        merged = certificate(await GnuPGExaminer().merge(*states))
        assert why(merged) is Why.REVOKED
        assert merged.addresses == (Address("bob@example.org"),)


async def test_two_keys_are_not_merged() -> None:
    one, other = make_certificates(2)
    assert await GnuPGExaminer().merge(one, other) == Unreadable("These are two different keys.")
    assert isinstance(await GnuPGExaminer().merge(one, b"junk"), Unreadable)


# gpg itself at fault


async def test_gpg_that_is_missing_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError):
        await GnuPGExaminer().examine(make_certificates(2))


async def test_gpg_that_always_fails_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "exit 2")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(EngineError):
        await GnuPGExaminer().examine(make_certificates(3))


async def test_one_key_that_breaks_gpg_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gpg that dies as soon as it is given the user id of the third one."""
    real = shutil.which("gpg")
    script = 'for a in "$@"; do case "$a" in /proc/self/fd/*) if [ "$a" != "$out" ] && grep -aq "person2@" "$a" '
    script += f'2>/dev/null; then exit 2; fi;; esac; done\nexec {real} "$@"'
    fake(tmp_path, 'out=; p=; for a in "$@"; do [ "$p" = --output ] && out=$a; p=$a; done\n' + script)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    verdicts = await GnuPGExaminer().examine(make_certificates(6))
    assert [why(certificate(verdict)) for verdict in verdicts] == [None, None, Why.UNREADABLE, None, None, None]


def fake(folder: Path, script: str) -> None:
    (folder / "gpg").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "gpg").chmod(0o755)


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def running() -> str:
    """The command lines of all processes."""
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True, text=True).stdout


# speed


@pytest.mark.slow
async def test_two_thousand_certificates_cost_less_than_three_times_a_plain_listing() -> None:
    blobs = make_certificates(2000)
    with gnupg_home() as home:
        begun = time.monotonic()
        await asyncio.to_thread(gpg, home, "--with-colons", "--show-keys", content=b"".join(blobs))
        plain = time.monotonic() - begun
    begun = time.monotonic()
    verdicts = await GnuPGExaminer().examine(blobs)
    took = time.monotonic() - begun
    assert all(isinstance(verdict, Certificate) for verdict in verdicts)
    assert took < 3 * plain  # what ten thousand take: bench/store.py


async def test_a_sequoia_key_with_a_date_is_read() -> None:
    key = pysequoia.Tsk.generate("Bob <bob@example.org>", validity_seconds=1000)
    verdict = await examined(bytes(key.extract_certificate()))
    assert verdict.expires is not None
    assert 0 < verdict.expires - time.time() <= 1000
    assert packets.split_certificates(verdict.data) == [verdict.data]
