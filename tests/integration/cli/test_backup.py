"""Backup and restore while the relay serves: one state of everything, and nothing halfway."""

from __future__ import annotations

import json
import smtplib
import sqlite3
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from io import BytesIO, TextIOWrapper
from itertools import count
from pathlib import Path
from typing import Self

import pytest
from lab.certificates import make_keypair
from lab.gnupghome import gpg
from lab.program import Done, program
from lab.relay import Relay
from lab.sink import Sink
from lab.waiting import wait_for

from relay.admin.backup import archive, folder
from relay.admin.backup.new_file import new_file
from relay.store import snapshot
from relay.store.schema_steps import STEPS

SENDER = "medecin@hopital.example"
BERTA = "berta@ville.example"
CARL = "carl@ville.example"
NUMBERS = count(1)
SCHEMA = len(STEPS)


@pytest.fixture(scope="module")
def site() -> Iterator[Relay]:
    policy = [{"name": "must", "encrypt": "required", "refuse_with": "reply"}]
    with Sink() as sink, Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", "policy": policy}) as relay:
        relay.run("keys", "generate", "Relay", "relay@hopital.example")
        relay.configure({**relay.settings, "sign": {"default": "relay@hopital.example"}})
        relay.run("keys", "import", "-", content=make_keypair(f"<{BERTA}>").public)
        relay.start()
        yield relay


def send(relay: Relay, recipient: str = BERTA) -> int:
    """The code that the relay answers."""
    head = f"From: {SENDER}\r\nTo: {recipient}\r\nSubject: canary\r\nMessage-ID: <{next(NUMBERS)}@hopital.example>"
    with smtplib.LMTP("127.0.0.1", relay.port, timeout=60) as client:
        client.ehlo()
        client.mail(SENDER)
        client.rcpt(recipient)
        return client.data(f"{head}\r\n\r\ncanary\r\n".encode())[0]


class Load:
    """Mail from two clients, and keys imported by another process, until the block ends."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(2)] + [threading.Thread(target=self._keys)]
        self.begun: list[None] = []
        self.answers: list[int] = []
        self.imports = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        wait_for(lambda: len(self.answers) > 20 and self.imports, "load")
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _send(self) -> None:
        while not self._over.is_set():
            self.begun.append(None)
            self.answers.append(send(self._relay))

    def _keys(self) -> None:
        while not self._over.wait(0.5):
            self._relay.run("keys", "import", "-", content=make_keypair("<load@ville.example>").public)
            self.imports += 1


def integrity(file: Path) -> str:
    with closing(sqlite3.connect(file)) as store:
        return str(store.execute("PRAGMA integrity_check").fetchone()[0])


def test_a_backup_under_load_restores_to_a_sound_store_whose_trace_holds(
    site: Relay, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "first.tar", tmp_path / "second.tar"]
    with Load(site) as load:
        told = []
        for file in files:
            told.append(json.loads(program(capsys, "-c", site.file, "backup", file, "--json").out))
            before = len(load.answers)  # of two clients: the third answer from now on is to a mail that comes later
            wait_for(lambda: len(load.answers) > before + 2, "mail goes on")  # noqa: B023  here alone
        during = len(load.begun)
    assert set(load.answers) == {250}
    rows = [line["trace_rows"] for line in told]
    changes = len(site.run("trace", "--keys", "--json").stdout.splitlines())  # each import is a row, too
    assert 0 < rows[0] < rows[1] <= during + changes
    assert during <= len(site.trace())
    print(f"\n{during} mails, {load.imports} imports; backups at rows {rows}, {told[-1]['size']} octets")
    for file, line in zip(files, told, strict=True):
        assert file.stat().st_mode & 0o777 == 0o600
        with Relay({"reinject": "smtp://127.0.0.1:9", "sign": {"default": "relay@hopital.example"}}) as other:
            run = partial(program, capsys, "-c", other.file)
            assert json.loads(run("restore", "--yes", "--json", file).out)["trace_rows"] == line["trace_rows"]
            assert integrity(other.keyring / "store.db") == "ok"
            verified = json.loads(run("trace", "--verify", "--json").out)
            assert (verified["holds"], verified["checked"]) == (True, line["trace_rows"])
            decisions = run("trace", "--json").out.splitlines()  # changes of keys are rows too, and not told here
            assert decisions == trace(site, capsys)[: len(decisions)]
            checked = {found["name"]: found["message"] for found in json.loads(run("check", "--json").out)}
            assert "1 made a signature" in checked["signing key"], "with the restored key"
            assert not list(other.keyring.glob(".pgp*"))


def test_a_folder_gets_a_backup_with_a_name_of_its_own_and_loses_old_ones(
    site: Relay, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = [tmp_path / f"pgp-relay-202001{day:02}T031700Z.tar" for day in range(1, 13)]
    for file in old:
        file.write_bytes(b"")
    told = json.loads(program(capsys, "-c", site.file, "backup", tmp_path, "--keep-days", 14, "--json").out)
    assert told["removed"] == len(old) - folder.FEWEST
    assert sorted(tmp_path.iterdir()) == sorted([*old[-folder.FEWEST :], Path(told["file"])])
    with Relay({"reinject": "smtp://127.0.0.1:9"}) as other:
        assert program(capsys, "-c", other.file, "restore", "--yes", told["file"]).status == 0


def test_a_backup_that_fails_removes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = [tmp_path / f"pgp-relay-202001{day:02}T031700Z.tar" for day in range(1, 13)]
    for file in old:
        file.write_bytes(b"")
    with Relay({"reinject": "smtp://127.0.0.1:9"}) as relay:
        relay.run("keys", "list")
        (relay.keyring / "store.db").write_bytes(b"no store" * 1000)
        assert program(capsys, "-c", relay.file, "backup", tmp_path, "--keep-days", 14).status == 1
    assert sorted(tmp_path.iterdir()) == old


def test_a_file_has_no_old_ones(site: Relay, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = program(capsys, "-c", site.file, "backup", tmp_path / "b.tar", "--keep-days", 14)
    assert done.status == 2
    assert "needs a folder" in done.err
    assert not list(tmp_path.iterdir())


def trace(relay: Relay, capsys: pytest.CaptureFixture[str]) -> list[str]:
    return program(capsys, "-c", relay.file, "trace", "--json").out.splitlines()


def test_a_running_relay_counts_what_was_restored_within_a_second_and_forgets_nothing_since(
    site: Relay, shell: Shell, tmp_path: Path
) -> None:
    shell("keys", "import", "-", given=make_keypair(f"<{CARL}>").public)
    wait_for(lambda: send(site, CARL) == 250, "the imported key counts")
    backup = tmp_path / "b.tar"
    assert shell("backup", backup).status == 0
    (carl,) = json.loads(shell("keys", "show", CARL, "--json").out)
    shell("keys", "remove", carl["fingerprint"])
    wait_for(lambda: send(site, CARL) == 550, "the removed key does not count")
    shell("keys", "generate", "Later", "later@hopital.example")
    before = shell("trace", "--json").out.splitlines()
    for answer in (b"n\n", b""):
        asked = shell("restore", backup, given=answer)
        assert (asked.status, asked.out) == (1, "")
        assert asked.err.endswith("[y/N] nothing was changed\n")
    assert send(site, CARL) == 550
    assert shell("restore", backup, given=b"y\n").status == 0
    tried = restored = time.monotonic()
    while send(site, CARL) != 250:
        assert tried - restored < 1
        tried = time.monotonic()
    assert shell("trace", "--json").out.splitlines()[: len(before)] == before, "the trace goes on from the backup's"
    assert shell("trace", "--verify").status == 0
    assert b"later@hopital.example" in gpg(site.keyring, "-K").stdout, "a secret key made since stays"
    assert integrity(site.keyring / "store.db") == "ok"


def test_a_restore_lets_nobody_in_who_was_disabled_since(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup = tmp_path / "b.tar"
    with Relay() as relay, Relay() as other:
        relay.run("console", "user", "add", "anne", "--role", "keys")
        relay.run("backup", backup)
        relay.run("console", "user", "disable", "anne")
        relay.run("console", "user", "add", "bruno", "--role", "desk")
        for each in (relay, other):
            assert program(capsys, "-c", each.file, "restore", "--yes", backup).status == 0
        listed = [json.loads(each.run("console", "user", "list", "--json").stdout) for each in (relay, other)]
    assert [[(one["name"], one["enabled"]) for one in users] for users in listed] == [
        [("anne", False), ("bruno", True)],
        [("anne", True)],
    ], "a store that was not new keeps its users"


def test_of_a_mail_under_way_a_restore_forgets_nothing(
    site: Relay, shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(site.keyring / "store.db", isolation_level=None)) as store:
        store.execute("INSERT INTO ledger VALUES (x'01', 'old', 0)")
        shell("backup", tmp_path / "b.tar")
        store.execute("DELETE FROM ledger WHERE digest = x'01'")
        store.execute("INSERT INTO ledger VALUES (x'02', 'new', 0)")
        shell("restore", "--yes", tmp_path / "b.tar")
        assert store.execute("SELECT digest FROM ledger WHERE recorded = 0").fetchall() == [(b"\x02",)]
    with Relay() as other:  # a new machine knows of none: what the backup knows is better than nothing
        assert program(capsys, "-c", other.file, "restore", "--yes", tmp_path / "b.tar").status == 0
        with closing(sqlite3.connect(other.keyring / "store.db")) as store:
            assert (b"\x01",) in store.execute("SELECT digest FROM ledger").fetchall()


class Shell:
    """The program in this process, on one configuration."""

    def __init__(self, relay: Relay, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._relay = relay
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str | Path, given: bytes = b"") -> Done:
        self._monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(given)))
        return program(self._capsys, "-c", self._relay.file, *words)


@pytest.fixture
def shell(site: Relay, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(site, capsys, monkeypatch)


def state(relay: Relay) -> tuple[bytes, dict[str, bytes]]:
    with closing(sqlite3.connect(relay.keyring / "store.db")) as store:
        dump = "\n".join(store.iterdump()).encode()
    keys = {path.name: path.read_bytes() for path in relay.keyring.glob("private-keys-v1.d/*")}
    return dump, keys | {"pubring.kbx": (relay.keyring / "pubring.kbx").read_bytes()}


def remade(backup: Path, folder: Path, *statements: str) -> Path:
    """A backup with other things in it, all else in order: what lies in the folder already, the store changed so."""
    with tarfile.open(backup) as tar:
        for member in tar:
            if member.name != archive.MANIFEST and not (folder / member.name).exists():
                (folder / member.name).parent.mkdir(parents=True, exist_ok=True)
                (folder / member.name).write_bytes(tar.extractfile(member).read())  # type: ignore[union-attr]  # a file
    with closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as store:
        for statement in statements:
            store.execute(statement)
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    with new_file(folder.with_suffix(".tar")) as new:
        archive.write(new, {"made": "x", "version": "x"}, files)
    return folder.with_suffix(".tar")


_FOR_EVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
MORE_THAN_TABLES = {
    "view": ("DROP TABLE ledger", f"CREATE VIEW ledger AS SELECT x digest, x recipient, x recorded FROM ({_FOR_EVER})"),  # noqa: S608  ours
    "view beside": (f"CREATE VIEW more AS {_FOR_EVER}",),
    "trigger": ("CREATE TRIGGER t AFTER INSERT ON trace BEGIN DELETE FROM certificate; END",),
    "virtual table": ("CREATE VIRTUAL TABLE words USING fts5(a)",),
    "generated column": ("ALTER TABLE ledger ADD COLUMN g GENERATED ALWAYS AS (length(zeroblob(1000000000)))",),
    "default that is computed": ("CREATE TABLE more (a DEFAULT (length(zeroblob(1000000000))))",),
    "constraint that is computed": ("CREATE TABLE more (a CHECK (length(zeroblob(a))))",),
    "index on an expression": ("CREATE INDEX i ON ledger (length(zeroblob(1000000000)))",),
}
"""What a query or an insertion would run."""


@pytest.mark.parametrize("name", ["gpg-agent.conf", "scdaemon.conf"])
def test_of_the_agent_s_settings_only_harmless_ones_are_put_back(
    name: str, site: Relay, shell: Shell, tmp_path: Path
) -> None:
    """`log-file` and `debug-all` had gpg-agent write parts of secret keys into a file from then on."""
    shell("backup", tmp_path / "good.tar")
    kept = "default-cache-ttl 600\nauto-expand-secmem 0x30000\n" if name.startswith("gpg") else "reader-port 32768\n"
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / name).write_text(
        f"log-file {tmp_path}/log\ndebug-all\n# a comment\n{kept}--debug 1024\npinentry-program /tmp/x\n"
        f"pcsc-driver /tmp/x.so\ndefault-cache-ttl 1;x\n extra-socket /tmp/s\nreader-port /tmp/x\n"
    )
    assert shell("restore", "--yes", remade(tmp_path / "good.tar", evil)).status == 0
    assert (site.keyring / name).read_text() == kept
    (site.keyring / name).unlink()


def test_what_may_not_be_restored_changes_nothing(
    site: Relay, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = tmp_path / "good.tar"
    shell("backup", good)
    site.stop()  # so that nothing but a restore could change anything
    noise = tmp_path / "noise.tar"
    noise.write_bytes(b"noise" * 1000)
    cut = tmp_path / "cut.tar"
    cut.write_bytes(good.read_bytes()[:-30_000])
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "authorized_keys").write_bytes(b"x")
    no_keys = tmp_path / "no keys"
    no_keys.mkdir()
    (no_keys / "public-keys.pgp").write_bytes(b"no keys at all")
    sentences = {
        tmp_path / "nowhere.tar": "there is no such file",
        noise: "this is no backup of pgp-relay",
        cut: "the backup is cut short or was altered",
        remade(good, tmp_path / "newer", "UPDATE schema_version SET version = 99"): (
            f"in the backup: the store was written by a newer version of pgp-relay (schema 99, this one knows {SCHEMA})"
        ),
        remade(good, tmp_path / "other", "DROP TABLE certificate", "CREATE TABLE certificate (fingerprint)"): (
            "in the backup: the store cannot be used"
        ),
        remade(good, strange): "this is no backup of pgp-relay: it contains a file that does not belong in a backup",
        remade(good, no_keys): "gpg did not take the public keys of the backup",
        **{
            remade(good, tmp_path / name, *statements): "in the backup: the store holds more than tables and indexes"
            for name, statements in MORE_THAN_TABLES.items()
        },
    }
    shell("keys", "import", "-", given=make_keypair("<since@ville.example>").public)
    before = state(site)
    for file, sentence in sentences.items():
        done = shell("restore", "--yes", file)
        assert (done.status, done.out) == (1, ""), file
        assert done.err.strip().endswith(sentence)
        assert state(site) == before, file
    assert not list(site.keyring.glob(".pgp-relay*"))
    monkeypatch.setattr(snapshot, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(site.keyring / "store.db")) as store:
        store.execute("BEGIN IMMEDIATE")
        done = shell("restore", "--yes", good)
    assert (done.status, done.err) == (1, "the store is locked by another process\n")
    assert state(site) == before
    site.start()


def test_postgresql_has_its_own_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Relay({"database": "postgresql://relay:geheim@127.0.0.1:9/relay"}) as relay:
        commands: list[list[str | Path]] = [["backup", tmp_path / "b.tar"], ["restore", "--yes", tmp_path / "b.tar"]]
        for words in commands:
            done = program(capsys, "-c", relay.file, *words)
            assert (done.status, done.out) == (2, "")
            assert done.err.startswith("the store is in PostgreSQL: back it up with pg_dump")
            assert "geheim" not in done.err
    assert not (tmp_path / "b.tar").exists()
