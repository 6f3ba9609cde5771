from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from lab.armors import variants
from lab.configs import config
from lab.others import NoOthers
from lab.synthetic import NOW, certificate, entry

from relay.admin.four_eyes import NoPerson, SecondPersonNeeded
from relay.admin.key_import import Intake, Outcome, Result, survey
from relay.admin.key_import.admission import admission
from relay.admin.proposals import approve
from relay.mail import packets
from relay.mail.armor import enarmor
from relay.model import Address, Certificate, Entry, Origin, Unreadable
from relay.model.console import Role
from relay.model.errors import EngineError
from relay.store import Store

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 20


def packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def key(name: str, *user_ids: str) -> bytes:
    """Shaped as a certificate, made of thin air: FakeExaminer reads it."""
    named = (user_id.encode() for user_id in user_ids or (f"{name}@example.org",))
    return packet(6, name.encode()) + b"".join(packet(13, user_id) for user_id in named)


def armored(*keys: bytes, kind: str = "PUBLIC KEY BLOCK") -> bytes:
    return enarmor(b"".join(keys), kind)


class FakeExaminer(NoOthers):
    """Believes what `key` wrote; `expired…` has expired, `weak…` is weak, `bad…` is none."""

    down = False

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        if self.down:
            raise EngineError("down")
        return [self._read(blob) for blob in blobs]

    async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
        old, new = (dict.fromkeys(_user_ids(blob)) for blob in (known, news))
        return self._read(key(_name(known), *(old | new)))

    def _read(self, blob: bytes) -> Certificate | Unreadable:
        name = _name(blob)
        if name.startswith("bad"):
            return Unreadable("This key has no valid signature.")
        expires = 1 if name.startswith("expired") else None
        made = certificate(name, *_user_ids(blob), expires=expires, weak=name.startswith("weak"))
        return replace(made, data=blob)


def _name(blob: bytes) -> str:
    return packets.body(blob, next(packets.walk(blob))).decode("latin-1")


def _user_ids(blob: bytes) -> list[str]:
    return [packets.body(blob, p).decode() for p in packets.walk(blob) if p.tag == 13]


@pytest.fixture
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path_factory.mktemp("store") / "s.db") as opened:
        yield opened


async def _run(
    store: Store, *paths: str | Path, stdin: bytes = b"", examiner: FakeExaminer | None = None
) -> list[Result]:
    intake = Intake(examiner or FakeExaminer(), store.certificates, clock=lambda: NOW, actor="cli:root")
    return [result async for result in intake.run(survey(paths), stdin=io.BytesIO(stdin))]


async def _fates(store: Store, *contents: bytes) -> list[tuple[Outcome, str]]:
    return [(r.outcome, r.reason) for content in contents for r in await _run(store, "-", stdin=content)]


def _told(results: list[Result]) -> list[str]:
    assert [r.outcome for r in results] == [Outcome.REFUSED] * len(results)
    return [r.reason for r in results]


async def _known(store: Store, name: str) -> bool:
    return bool(await store.certificates.by_address(Address(f"{name}@example.org")))


@pytest.mark.parametrize(
    "content",
    [
        key("a") + key("b") + key("c"),
        armored(key("a"), key("b"), key("c")),
        armored(key("a")) + armored(key("b"), key("c")),
        b"Dear all,\r\nhere they are:\r\n" + armored(key("a")) + b"\r\n-- \r\nBob\r\n" + armored(key("b"), key("c")),
        armored(key("a"), key("b"), key("c")).replace(b"\r\n", b"\n"),
        b"\xef\xbb\xbf" + armored(key("a"), key("b"), key("c")),
        armored(key("a"), key("b"), key("c")).decode().encode("utf-16"),
        key("a") + key("b") + key("c") + b"\r\n",
        packet(10, b"PGP") + key("a") + key("b") + key("c"),
    ],
    ids=["binary", "armored", "several blocks", "in a mail", "LF", "BOM", "UTF-16", "a line end behind", "marker"],
)
async def test_one_or_several_in_a_file_are_imported(store: Store, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys").write_bytes(content)
    results = await _run(store, tmp_path / "keys")
    assert [(r.outcome, r.number, r.reason) for r in results] == [(Outcome.IMPORTED, n, "") for n in (1, 2, 3)]
    assert all([await _known(store, name) for name in "abc"])


async def test_the_same_again_is_unchanged_and_news_are_merged(store: Store) -> None:
    assert [o for o, _ in await _fates(store, key("a"), key("a"), key("a", "a2@example.org"), key("a"))] == [
        Outcome.IMPORTED,
        Outcome.UNCHANGED,
        Outcome.UPDATED,
        Outcome.UNCHANGED,
    ]
    assert await _known(store, "a")
    assert await _known(store, "a2")


async def test_two_states_of_one_key_in_one_file_become_one(store: Store) -> None:
    results = await _run(store, "-", stdin=key("a") + key("a", "a2@example.org") + key("a"))
    assert [r.outcome for r in results] == [Outcome.IMPORTED, Outcome.UPDATED, Outcome.UNCHANGED]
    assert await _known(store, "a")
    assert await _known(store, "a2")


async def test_expired_ones_are_stored_with_the_reason_and_weak_ones_warned_of(store: Store) -> None:
    expired, weak, nameless = await _run(store, "-", stdin=key("expired") + key("weak") + key("x", ""))
    assert (expired.outcome, expired.reason) == (Outcome.IMPORTED, "the key has expired")
    assert (weak.outcome, weak.reason, weak.warnings) == (Outcome.IMPORTED, "", ("weak: RSA of 1024 bits",))
    assert nameless.warnings == ("it has no user id with an address, so no mail will ever be encrypted to it",)
    assert await _known(store, "expired")


async def test_a_fetched_or_proposed_one_becomes_the_administrators(store: Store) -> None:
    fetched = replace(certificate("a", "a@example.org"), data=key("a"))
    await store.certificates.upsert([entry(fetched, origin=Origin.WKD, proposed=True)])
    (result,) = await _run(store, "-", stdin=key("a"))
    assert result.outcome is Outcome.UPDATED
    (now,) = await store.certificates.by_address(Address("a@example.org"))
    assert (now.origin, now.proposed, now.updated) == (Origin.IMPORTED, False, int(NOW))


@pytest.mark.parametrize("variant", variants(bytes(200)))
async def test_armor_that_gnupg_reads_is_imported(store: Store, variant: str) -> None:
    (result,) = await _run(store, "-", stdin=variants(key("a", "somebody.with.a.long.name@example.org"))[variant])
    assert (result.outcome, result.reason) == (Outcome.IMPORTED, "")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "This is empty."),
        (JPEG, "This holds no OpenPGP key."),
        (b"just text\n", "This holds no OpenPGP key."),
        ("Œuvre\n".encode(), "This holds no OpenPGP key."),
        (b"\0" * 1000, "This holds no OpenPGP key."),
        (armored(packet(5, b"secret")), "This is a private key: import the public key alone"),
        (armored(packet(5, b"secret"), kind="PRIVATE KEY BLOCK"), "This is a private key: import the public key alone"),
        (packet(5, b"secret") + packet(13, b"a"), "This is a private key: import the public key alone"),
        (key("a") + packet(7, b"secret subkey"), "This is a private key: import the public key alone"),
        (armored(key("a"))[:-60], "This key is cut off or damaged"),
        (armored(packet(18, b"x"), kind="MESSAGE"), "This is an OpenPGP message and no key."),
        (packet(1, b"x"), "This is an OpenPGP message and no key."),
        (packet(2, b"x"), "This is a signature and no key."),
        (packet(13, b"x"), "This holds no OpenPGP key."),
        (b"\0\0\0\x20\x01\x01\0\x02KBXf" + bytes(100), "This is a GnuPG keybox"),
        (key("bad"), "This key has no valid signature."),
    ],
)
async def test_what_is_no_key_is_refused_in_a_sentence(store: Store, content: bytes, told: str) -> None:
    (said,) = _told(await _run(store, "-", stdin=content))
    assert said.startswith(told)
    assert said.endswith(".")
    assert (await store.certificates.counts()).total == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (key("a")[:-3] + b"org", None),
        ((key("a") + packet(2, b"signature"))[:-1], "This key is cut off or damaged"),
        (armored(key("a", "a@example.org", "b@example.org"))[:-48], "This key is cut off or damaged"),
        (key("a") + b"\xff" * 9, "This key is cut off or damaged"),
        (key("a") + packet(2, b"junk" * 250) * 5000, "This key is larger than 4 MiB"),
        (b"\x98\x7f" + b"\x04ey" * 9 + b"\xb4\x0da@example.org" + bytes(7), "This key is cut off or damaged"),
    ],
    ids=["whole", "last octet", "armor", "junk behind it", "too large", "broken at the beginning"],
)
async def test_the_addresses_of_a_damaged_key_are_kept_and_it_is_told(
    store: Store, content: bytes, told: str | None
) -> None:
    (result,) = await _run(store, "-", stdin=content)
    assert (result.outcome, result.never_usable) == (Outcome.IMPORTED, told is not None)
    assert result.reason.startswith(told or "")
    assert await _known(store, "a")


async def test_a_damaged_copy_takes_nothing_from_the_key_that_is_known(store: Store) -> None:
    await _run(store, "-", stdin=key("a", "a@example.org", "a2@example.org"))
    (result,) = await _run(store, "-", stdin=key("a", "a@example.org", "a2@example.org")[:-1])
    assert (result.never_usable, result.reason[:30]) == (True, "This key is cut off or damaged")
    (entry,) = await store.certificates.by_address(Address("a2@example.org"))
    assert entry.certificate.unusable(NOW) is None


async def test_the_good_beside_the_bad_are_imported(store: Store, tmp_path: Path) -> None:
    junk = key("junk") + packet(2, b"junk" * 250) * 5000
    (tmp_path / "1").write_bytes(key("a") + packet(5, b"secret") + key("b") + junk + key("bad") + key("c")[:-1])
    (tmp_path / "2").write_bytes(armored(key("d"))[:-60] + b"\r\n" + armored(key("e")) + armored(b"\x99"))
    (tmp_path / "3").write_bytes(key("f") + b"\nwhat is this")
    results = await _run(store, tmp_path)
    assert [(Path(r.place).name, r.number, r.outcome.value) for r in results] == [
        ("1", 1, "imported"),
        ("1", 2, "refused"),
        ("1", 3, "imported"),
        ("1", 4, "imported"),  # what is left of it
        ("1", 5, "refused"),
        ("1", 6, "imported"),  # likewise
        ("2", 1, "refused"),
        ("2", 2, "imported"),
        ("2", 3, "refused"),
        ("3", 1, "imported"),
        ("3", 2, "refused"),
    ]
    assert all([await _known(store, name) for name in "abef"])


async def test_folders_are_read_to_the_bottom_and_loops_told(store: Store, tmp_path: Path) -> None:
    below = tmp_path / "keys" / "x" / "y"
    below.mkdir(parents=True)
    (below / "a.asc").write_bytes(armored(key("a")))
    (tmp_path / "keys" / "b.pgp").symlink_to(tmp_path / "elsewhere.pgp")
    (tmp_path / "elsewhere.pgp").write_bytes(key("b"))
    (below / "loop").symlink_to(tmp_path / "keys")
    (below / "self").symlink_to("self")
    (below / "gone").symlink_to("nowhere")
    results = await _run(store, tmp_path / "keys")
    told = {Path(r.place).name: r.reason or r.outcome.value for r in results}
    assert told == {
        "a.asc": "imported",
        "b.pgp": "imported",
        "loop": "This link leads back to a folder above it, and was not followed.",
        "self": "This link leads back to itself.",
        "gone": "There is no such file or folder.",
    }


async def test_a_folder_reached_twice_is_read_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "keys" / name).mkdir(parents=True)
    (tmp_path / "keys" / "a" / "k").write_bytes(key("k"))
    (tmp_path / "keys" / "b" / "link").symlink_to(tmp_path / "keys" / "a")
    assert len(survey([tmp_path / "keys"])) == 1


async def test_what_is_not_there_or_no_file_is_told(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "nothing").touch()
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate((1 << 30) + 1)
    told = _told(await _run(store, *(tmp_path / name for name in ("missing", "empty", "nothing", "huge")), "/dev/null"))
    assert told == [
        "There is no such file or folder.",
        "This folder is empty.",
        "This is empty.",
        "This file is larger than 1 GiB: split it.",
        "This is no file.",
    ]


async def test_a_file_that_may_not_be_read_is_told(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "k").write_bytes(key("a"))
    files = survey([tmp_path / "k"])
    (tmp_path / "k").unlink()
    (tmp_path / "k").mkdir()
    intake = Intake(FakeExaminer(), store.certificates, actor="cli:root")
    assert _told([r async for r in intake.run(files)]) == ["This cannot be read: the disk or the network folder fails."]

    def denied(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "listdir", denied)  # root may read everything
    assert _told(await _run(store, tmp_path)) == ["You may not read this: check its owner and permissions."]


async def test_a_pipe_is_read(store: Store, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(key("a"),))
    writer.start()
    (result,) = await _run(store, tmp_path / "pipe")
    writer.join()
    assert result.outcome is Outcome.IMPORTED


async def test_a_large_file_is_mapped_and_read_to_its_end(store: Store, tmp_path: Path) -> None:
    filling = packet(2, bytes(1 << 20))
    (tmp_path / "large").write_bytes(b"".join(key(f"n{n}") + filling for n in range(20)))
    (tmp_path / "armored").write_bytes(b"\n" * (17 << 20) + armored(key("last")))
    results = await _run(store, tmp_path / "large", tmp_path / "armored")
    assert [r.outcome for r in results] == [Outcome.IMPORTED] * 21


async def test_progress_never_goes_back_and_ends_at_the_whole(store: Store, tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"{n}").write_bytes(armored(*(key(f"k{n}-{i}") for i in range(700))))
    seen: list[tuple[int, int]] = []
    intake = Intake(FakeExaminer(), store.certificates, actor="cli:root")
    results = [r async for r in intake.run(survey([tmp_path]), progress=lambda done, total: seen.append((done, total)))]
    assert len(results) == 2100
    total = sum(p.stat().st_size for p in tmp_path.iterdir())  # noqa: ASYNC240 - three files
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (total, total)
    assert len(seen) > 5


@pytest.mark.parametrize("written", [bytes, armored], ids=["binary", "armored"])
async def test_the_bar_of_a_binary_file_stood_at_its_end_for_the_last_quarter(
    store: Store, tmp_path: Path, written: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "keys").write_bytes(written(b"".join(key(f"k{n}") for n in range(800))))
    seen: list[float] = []
    intake = Intake(FakeExaminer(), store.certificates, actor="cli:root")
    async for _ in intake.run(survey([tmp_path / "keys"]), progress=lambda done, total: seen.append(done / total)):
        pass
    assert seen == pytest.approx([0.5, 1, 1], abs=0.05)


class Noting(FakeExaminer):
    """Says when it was given the second batch; perhaps it is down from then on."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.second = asyncio.Event()
        self._breaks = breaks
        self._given = 0

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        self._given += 1
        if self._given == 2:
            self.second.set()
            self.down = self._breaks
        return await super().examine(blobs)


async def test_the_next_are_judged_while_some_are_stored(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.admin.key_import.importer.BATCH", 1)
    examiner, upsert = Noting(), store.certificates.upsert

    async def slow(entries: Sequence[Entry], known: Mapping[str, int | None], *, actor: str) -> list[Entry]:
        async with asyncio.timeout(10):
            await examiner.second.wait()
        return await upsert(entries, known, actor=actor)

    monkeypatch.setattr(store.certificates, "upsert", slow)
    results = await _run(store, "-", stdin=key("a") + key("b") + key("c") + key("a"), examiner=examiner)
    assert [(r.number, r.outcome.value) for r in results] == [
        (1, "imported"),
        (2, "imported"),
        (3, "imported"),
        (4, "unchanged"),
    ]


async def test_what_was_judged_before_the_software_failed_is_stored_and_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.admin.key_import.importer.BATCH", 1)
    intake = Intake(Noting(breaks=True), store.certificates, actor="cli:root")
    told: list[Result] = []

    async def tell() -> None:
        async for result in intake.run(survey(["-"]), stdin=io.BytesIO(key("a") + key("b") + key("c"))):
            told.append(result)  # noqa: PERF401  kept where it fails

    with pytest.raises(EngineError):
        await tell()
    assert [(r.number, r.outcome) for r in told] == [(1, Outcome.IMPORTED)]
    assert await _known(store, "a")
    assert (await store.certificates.counts()).total == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}, "nothing goes on"


async def test_software_that_fails_is_no_verdict_on_a_key(store: Store) -> None:
    examiner = FakeExaminer()
    examiner.down = True
    with pytest.raises(EngineError):
        await _run(store, "-", stdin=key("a"), examiner=examiner)
    assert (await store.certificates.counts()).total == 0


async def test_a_key_that_another_process_changes_meanwhile_is_merged_again(store: Store) -> None:
    await _run(store, "-", stdin=key("a"))

    class Slow(FakeExaminer):
        times = 0

        async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
            self.times += 1
            if self.times == 1:
                await _run(store, "-", stdin=key("a", "theirs@example.org"))
            return await super().merge(known, news)

    examiner = Slow()
    (result,) = await _run(store, "-", stdin=key("a", "ours@example.org"), examiner=examiner)
    assert result.outcome is Outcome.UPDATED
    assert examiner.times == 2
    assert await _known(store, "theirs")
    assert await _known(store, "ours")


async def test_a_key_that_never_stops_changing_is_refused_and_not_lost(store: Store) -> None:
    await _run(store, "-", stdin=key("a"))

    class Restless(FakeExaminer):
        times = 0

        async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
            self.times += 1
            await _run(store, "-", stdin=key("a", f"theirs{self.times}@example.org"))
            return await super().merge(known, news)

    results = await _run(store, "-", stdin=key("a", "ours@example.org"), examiner=Restless())
    assert _told(results) == ["Another import is changing this key: import it again."]
    assert await _known(store, "a")


async def test_two_imports_at_once_lose_nothing(store: Store) -> None:
    ours = b"".join(key(f"k{n}", f"k{n}@example.org", f"ours{n}@example.org") for n in range(50))
    theirs = b"".join(key(f"k{n}", f"k{n}@example.org", f"theirs{n}@example.org") for n in range(50))
    await asyncio.gather(_run(store, "-", stdin=ours), _run(store, "-", stdin=theirs))
    for n in range(50):
        assert await _known(store, f"ours{n}")
        assert await _known(store, f"theirs{n}")


PEOPLE = {"anne": Role.KEYS, "bruno": Role.KEYS, "dora": Role.DESK}


async def _by(store: Store, folder: Path, who: str, content: bytes, **how: bool) -> list[tuple[Outcome, str]]:
    return [(each.outcome, each.reason) for each in await _results(store, folder, who, content, **how)]


async def _results(store: Store, folder: Path, who: str, content: bytes, **how: bool) -> list[Result]:
    """As this person imports it where `approve` needs two."""
    for name, role in PEOPLE.items():
        await store.persons.invite(name, role, name, NOW, "cli:root")
    site = config(folder, console={"four_eyes": ["approve"]})
    admits = admission(site, store, f"console:{who}", **how)
    intake = Intake(
        FakeExaminer(),
        store.certificates,
        clock=lambda: NOW,
        actor=f"console:{who}",
        dry_run=how.get("dry_run", False),
        admission=admits,
    )
    return [each async for each in intake.run(survey(["-"]), stdin=io.BytesIO(content))]


async def _in_use(store: Store, name: str) -> bool:
    return any(not e.proposed for e in await store.certificates.by_address(Address(f"{name}@example.org")))


async def test_two_persons_who_import_the_same_key_have_it_used(store: Store, tmp_path: Path) -> None:
    for who, dry_run, outcome in (
        ("anne", True, Outcome.PROPOSED),
        ("anne", False, Outcome.PROPOSED),
        ("anne", False, Outcome.PROPOSED),
        ("anne", True, Outcome.PROPOSED),
        ("bruno", True, Outcome.UPDATED),
    ):
        assert await _by(store, tmp_path, who, key("a"), dry_run=dry_run) == [(outcome, "")]
        assert not await _in_use(store, "a")
    assert await _by(store, tmp_path, "bruno", key("a")) == [(Outcome.UPDATED, "")]
    assert await _in_use(store, "a")
    assert await _by(store, tmp_path, "anne", key("a")) == [(Outcome.UNCHANGED, "")]


async def test_the_second_person_approves_what_is_proposed_and_no_later_state(store: Store, tmp_path: Path) -> None:
    await _by(store, tmp_path, "anne", key("a"))
    assert await _by(store, tmp_path, "bruno", key("a", "a@example.org", "b@example.org")) == [(Outcome.PROPOSED, "")]
    assert not await _in_use(store, "a")


async def test_a_second_person_could_not_approve_what_the_first_imported_with_more_addresses_than_were_proposed(
    store: Store, tmp_path: Path
) -> None:
    """The import said that an approval was enough; the proposal stayed narrow, so that it was another one."""
    whole = key("a", "a@example.org", "b@example.org")
    (read,) = await FakeExaminer().examine([whole])
    assert isinstance(read, Certificate)
    proposed = Entry(read.showing([Address("a@example.org")]), Origin.WKD, 1, proposed=True)
    await store.certificates.upsert([proposed])
    for dry_run in (True, False):
        (result,) = await _results(store, tmp_path, "anne", whole, dry_run=dry_run)
        assert result.outcome is Outcome.PROPOSED
        assert result.warnings == ("it is not used before a second person imports the same file, within 24 hours",)
    site = config(tmp_path, console={"four_eyes": ["approve"]})
    with pytest.raises(SecondPersonNeeded):
        await approve(site, store, read.fingerprint, "console:bruno")
    assert not await _in_use(store, "a")
    assert await _by(store, tmp_path, "bruno", whole) == [(Outcome.UPDATED, "")]
    assert await _in_use(store, "b")


async def test_a_rejected_key_is_proposed_by_nobody_and_imported_by_two(store: Store, tmp_path: Path) -> None:
    await _by(store, tmp_path, "anne", key("a"))
    (entry,) = await store.certificates.by_address(Address("a@example.org"))
    await store.certificates.reject(entry.certificate.fingerprint)
    ((outcome, reason),) = await _by(store, tmp_path, "dora", key("a"), propose=True)
    assert (outcome, "was rejected" in reason) == (Outcome.REFUSED, True)
    ((outcome, reason),) = await _by(store, tmp_path, "anne", key("a"))
    assert (outcome, "second person" in reason) == (Outcome.REFUSED, True)
    assert not await _known(store, "a")
    assert await _by(store, tmp_path, "bruno", key("a")) == [(Outcome.IMPORTED, "")]
    assert await _in_use(store, "a")


async def test_who_may_not_approve_imports_nothing_and_may_propose(store: Store, tmp_path: Path) -> None:
    for who in ("dora", "nobody"):
        for dry_run in (True, False):
            with pytest.raises(NoPerson):
                await _by(store, tmp_path, who, key("a"), dry_run=dry_run)
    assert not await _known(store, "a")
    assert await _by(store, tmp_path, "dora", key("a"), propose=True) == [(Outcome.PROPOSED, "")]
    assert not await _in_use(store, "a")


async def test_a_fetched_key_becomes_an_imported_one_by_two(store: Store, tmp_path: Path) -> None:
    """An imported key stands before its domain's."""
    (read,) = await FakeExaminer().examine([key("a")])
    assert isinstance(read, Certificate)
    await store.certificates.upsert([Entry(read, Origin.WKD, 1)])
    assert await _by(store, tmp_path, "dora", key("a"), propose=True) == [(Outcome.UNCHANGED, "")]
    ((outcome, reason),) = await _by(store, tmp_path, "anne", key("a"))
    assert (outcome, "second person" in reason) == (Outcome.REFUSED, True)
    assert [e.origin for e in await store.certificates.by_address(Address("a@example.org"))] == [Origin.WKD]
    assert await _by(store, tmp_path, "bruno", key("a")) == [(Outcome.UPDATED, "")]
    assert [e.origin for e in await store.certificates.by_address(Address("a@example.org"))] == [Origin.IMPORTED]
