"""Backups that nobody here made: each is a sentence, and nothing of it counts."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from relay.admin.backup import archive
from relay.admin.backup.archive import MANIFEST
from relay.admin.backup.new_file import new_file
from relay.model.errors import BackupError

SAID = {"made": "2026-11-25T21:00:00+00:00", "version": "0.1.0"}
FILES = {"store.db": b"pages" * 1000, "sub/a.key": b"secret"}
LARGEST = {"store.db": 1 << 20, "sub/a.key": 100, "b.key": 100}
NO_BACKUP = "this is no backup of pgp-relay"
FOREIGN = f"{NO_BACKUP}: it contains a file that does not belong in a backup"
SPOILT = "the backup is cut short or was altered"


def unpack(octets: bytes, folder: Path) -> archive.Manifest:
    return archive.unpack(io.BytesIO(octets), folder, LARGEST.get)


def manifest(**changes: object) -> bytes:
    files = {name: {"size": len(o), "sha256": hashlib.sha256(o).hexdigest()} for name, o in FILES.items()}
    return json.dumps({"format": archive.FORMAT, **SAID, "files": files, **changes}).encode()


def info(name: str, size: int, type_: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname = size, type_, link
    return made


def tar(*members: tuple[tarfile.TarInfo, bytes], head: bytes | None = None) -> bytes:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w", format=tarfile.GNU_FORMAT) as made:
        for member, content in ((info(MANIFEST, len(h := head or manifest())), h), *members):
            made.addfile(member, io.BytesIO(content))
    return octets.getvalue()


def plain(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    return info(name, len(content)), content


STORE = plain("store.db", FILES["store.db"])
KEY = plain("sub/a.key", FILES["sub/a.key"])


@pytest.fixture
def made(tmp_path: Path) -> Path:
    target = tmp_path / "b.tar"
    store = tmp_path / "store"
    store.write_bytes(FILES["store.db"])
    with new_file(target) as new:
        archive.write(new, SAID, {"store.db": store, "sub/a.key": FILES["sub/a.key"]})
    return target


def test_what_was_written_comes_back_and_is_its_owners_alone(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert made.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "out", "store"]
    told = unpack(made.read_bytes(), folder)
    assert {name: (folder / name).read_bytes() for name in told.files} == FILES
    assert (told.made, told.version) == (SAID["made"], SAID["version"])


def test_an_existing_file_is_never_written_over(made: Path) -> None:
    before = made.read_bytes()
    for name in (made, made.parent / "link"):
        if name != made:
            name.symlink_to("nowhere")
        taken = pytest.raises(BackupError, match=r"exists already: give another name, or move it away")
        with taken, new_file(name):
            pass
    assert made.read_bytes() == before


def test_a_file_that_was_made_meanwhile_is_never_written_over(tmp_path: Path) -> None:
    target = tmp_path / "b.tar"
    with new_file(target) as new:
        target.write_bytes(b"theirs")
        with pytest.raises(BackupError, match=r"exists already"):
            archive.write(new, SAID, {"store.db": b"ours"})
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("b.tar", b"theirs")]


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    unwritable = pytest.raises(BackupError, match=r"x.tar cannot be written: No such file or directory")
    with unwritable, new_file(tmp_path / "nowhere" / "x.tar"):
        pass


def _with_size(size: bytes) -> bytes:
    return tar(STORE, KEY, head=re.sub(rb"\"size\": \d+", b'"size": ' + size, manifest(), count=1))


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", NO_BACKUP),
    "no tar": (lambda: b"no tar at all" * 1000, NO_BACKUP),
    "another tar": (lambda: tar(head=b"{}"), NO_BACKUP),
    "a manifest that is no JSON": (lambda: tar(STORE, KEY, head=b"[" * 100_000), NO_BACKUP),
    **{
        f"a size of {size.decode()}": (partial(_with_size, size), NO_BACKUP)
        for size in (b"Infinity", b"NaN", b"1e400", b"-1", b"5.0", b'"5"', b"true", b"null", b"[]")
    },
    "a manifest of another kind": (lambda: tar(STORE, KEY, head=manifest(files=[1])), NO_BACKUP),
    "a newer version": (
        lambda: tar(STORE, KEY, head=manifest(format=2)),
        "the backup was made by a newer version of pgp-relay",
    ),
    "a path out of the folder": (lambda: tar(STORE, KEY, plain("../evil", b"x")), FOREIGN),
    "an absolute path": (lambda: tar(STORE, KEY, plain("/tmp/evil", b"x")), FOREIGN),  # noqa: S108  never written
    "a path out of the folder that the manifest names": (
        lambda: tar(
            plain("../evil", b"x"),
            head=manifest(files={"../evil": {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}}),
        ),
        FOREIGN,
    ),
    "a symbolic link": (lambda: tar((info("store.db", 0, tarfile.SYMTYPE, "/etc/passwd"), b""), KEY), FOREIGN),
    "a hard link": (lambda: tar((info("store.db", 0, tarfile.LNKTYPE, MANIFEST), b""), KEY), FOREIGN),
    "a device": (lambda: tar((info("store.db", 0, tarfile.CHRTYPE), b""), KEY), FOREIGN),
    "a folder": (lambda: tar((info("store.db", 0, tarfile.DIRTYPE), b""), KEY), FOREIGN),
    "a file twice": (lambda: tar(STORE, KEY, KEY), FOREIGN),
    "a file that is missing": (lambda: tar(STORE), SPOILT),
    "a file that was altered": (lambda: tar(STORE, plain("sub/a.key", b"SECRET")), SPOILT),
    "a file of another size": (lambda: tar(STORE, plain("sub/a.key", b"secrets")), SPOILT),
    "a file that is too large": (
        lambda: tar(STORE, head=manifest(files={"sub/a.key": {"size": 101, "sha256": ""}})),
        FOREIGN,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_backup_is_refused(name: str, tmp_path: Path) -> None:
    make, sentence = BAD[name]
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(BackupError) as caught:
        unpack(make(), folder)
    assert str(caught.value) == sentence
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_cut_short_anywhere_it_is_refused(made: Path, tmp_path: Path) -> None:
    whole = made.read_bytes()
    end = max(i for i, octet in enumerate(whole) if octet) + 1
    for number, length in enumerate([*range(1, end, 509), end - 1]):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(BackupError, match=f"{SPOILT}|{NO_BACKUP}"):
            unpack(whole[:length], folder)


def test_an_octet_changed_anywhere_is_refused_or_changes_nothing(made: Path, tmp_path: Path) -> None:
    whole = made.read_bytes()
    for number, place in enumerate(range(0, len(whole), 97)):
        folder = tmp_path / str(number)
        folder.mkdir()
        spoilt = bytearray(whole)
        spoilt[place] ^= 0x40
        try:
            told = unpack(bytes(spoilt), folder)
        except BackupError:
            continue
        assert {name: (folder / name).read_bytes() for name in told.files} == FILES
