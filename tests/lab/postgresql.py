"""A PostgreSQL server of a test's own, on a free port of 127.0.0.1. Root lends it a user: it refuses to run as root."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from lab.ports import free_port


class PostgreSQL:
    """`start` and `stop` as often as needed; the data stays."""

    def __init__(self, programs: Path, folder: Path, port: int, primary: PostgreSQL | None = None) -> None:
        """With a `primary` it is a replica of that one."""
        self._programs, self._folder, self.port = programs, folder, port
        self.url = f"postgresql://relay@127.0.0.1:{port}/postgres"
        if primary is None:
            subprocess.run(["cp", "-a", _data(programs), self._data], check=True)
        else:
            source = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "relay")
            self._run("pg_basebackup", "-D", self._data, "-R", "-X", "stream", "-c", "fast", "--no-sync", *source)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -h 127.0.0.1 -c shared_preload_libraries=pg_stat_statements"
        self._run("pg_ctl", "-D", self._data, "-l", str(self._folder / "log"), "-o", options, "-w", "start")

    def stop(self, how: str = "fast") -> None:
        """`immediate`: as if the machine had lost its power."""
        self._run("pg_ctl", "-D", self._data, "-m", how, "-w", "stop")

    @property
    def running(self) -> bool:
        """It was started, and not stopped since."""
        return (self._folder / "data" / "postmaster.pid").exists()

    @property
    def pid(self) -> int:
        """Of the process that has started all others."""
        return int((self._folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def promote(self) -> None:
        """A replica takes writes from now on."""
        self._run("pg_ctl", "-D", self._data, "-w", "promote")

    def _run(self, program: str, *arguments: str) -> None:
        _run(self._folder, self._programs / program, *arguments)


@cache
def _data(programs: Path) -> Path:
    """What `initdb` makes, until this process ends: it takes a second, and a copy does not."""
    folder = _lent()
    atexit.register(shutil.rmtree, folder)
    made = folder / "data"
    _run(folder, programs / "initdb", "-D", str(made), "-U", "relay", "--auth=trust", "--no-sync", "-E", "UTF8")
    return made


def _lent() -> Path:
    """A new folder that the server's user may write to."""
    folder = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    return folder


def _run(folder: Path, *words: str | Path) -> None:
    subprocess.run(
        words,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        user="postgres" if os.geteuid() == 0 else None,
    )


def programs() -> Path | None:
    """Where Debian or PATH has them."""
    found = shutil.which("initdb")
    return (
        Path(found).resolve().parent if found else next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))), None)
    )


@contextmanager
def one_server() -> Iterator[PostgreSQL]:
    """A running server; the test is skipped where PostgreSQL is not installed."""
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed")
    with postgresql(where) as running:
        yield running


@contextmanager
def postgresql(where: Path, primary: PostgreSQL | None = None) -> Iterator[PostgreSQL]:
    """A running server, gone at the end; with a `primary` a replica of it."""
    folder = _lent()
    try:
        server = PostgreSQL(where, folder, free_port(), primary)
        server.start()
        try:
            yield server
        finally:
            if server.running:
                server.stop("immediate")  # its data is deleted next, and takes seconds to write
    finally:
        shutil.rmtree(folder)
