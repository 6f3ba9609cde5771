"""The relay as it runs at a site: `pgp-relay serve` as a process of its own, with a folder, a port and a log.

`Relay` is a context manager around the folder; `start` returns once the log says `ready`, `stop` sends SIGTERM and
wants exit status 0, `kill` is kill -9. `run` calls any other command on the same configuration. `settings` are laid
over the defaults (the local keyring alone, one rule: encrypted where a key is known). At the end nothing of a mail
that a test sent may stand in its folder: not in the log, the store, the trace or the output of commands (`lab.canary`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import yaml

from lab import forked_program
from lab.canary import assert_silent
from lab.gnupghome import stop_agent
from lab.ports import free_port
from lab.waiting import wait_for

PROGRAM = Path(sys.executable).with_name("pgp-relay")


class Relay:
    """`with Relay({"reinject": url}) as relay: relay.start()`."""

    words: tuple[str, ...] = ("serve",)
    """The command that `start` runs."""

    def __init__(self, settings: Mapping[str, Any] = {}, *, scheme: str = "lmtp") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))  # a short path: gpg-agent's socket
        self.keyring = self.folder / "keyring"
        self.port = free_port()
        self.file = self.folder / "config.yaml"
        self.path = os.environ["PATH"]
        """Where it finds gpg."""
        self.mail_config: Path | None = None
        """The folder of the Postfix that commands speak to; None: the machine's."""
        self.program: tuple[str | Path, ...] = ()
        """What to run in its place; `(PROGRAM,)`: itself, from nothing (`lab.forked_program`)."""
        self.altered = ""
        """Python that is run in `serve` and in commands before they begin."""
        self._temporary = self.folder / "tmp"  # what is forgotten there is found at the end
        self._temporary.mkdir()
        self._process: subprocess.Popen[bytes] | forked_program.Child | None = None
        self._started_at = 0
        """Where the log of the last start begins."""
        self.configure(
            {
                "listen": [f"{scheme}://127.0.0.1:{self.port}"],
                "hostname": "relay.example",
                "lookup": {"sources": ["keyring"]},
                "policy": [{"name": "everyone", "encrypt": "preferred"}],
                "notices": {"from": "postmaster@front.example"},
                "log": {"level": "debug", "format": "json"},
                **settings,
            }
        )

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Write config.yaml anew; counts at the next start or SIGHUP."""
        self.settings = dict(settings)
        self.file.write_text(yaml.safe_dump(self.settings, allow_unicode=True))

    @property
    def running(self) -> bool:
        """It was started, and neither stopped nor killed since."""
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has written to standard error, over all starts."""
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log's lines, read; a line that is no JSON is an error."""
        return _events(self.log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        try:
            if self._process:
                self.stop()
            assert_silent(self.folder)
        finally:
            for home in (self.keyring, self.keyring / "node"):
                if home.exists():
                    stop_agent(home)
            shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start it and wait until it serves."""
        self._started_at = self._size()
        with (self.folder / "log").open("ab") as log:
            self._process = self._begin(log)
        wait_for(lambda: self._ready() or (self._process and self._process.poll() is not None), "ready")
        if self._process.poll() is not None:
            raise RuntimeError(f"ended with {self._process.returncode}\n{self.log}")

    def _begin(self, log: IO[bytes]) -> subprocess.Popen[bytes] | forked_program.Child:
        words: list[str | Path] = ["-c", self.file, *self.words]
        with Path(os.devnull).open("rb") as nothing:
            if not self.program:
                files = (nothing.fileno(), log.fileno(), log.fileno())
                return forked_program.start(
                    words, files=files, cwd=self.folder, env=self._environment, altered=self.altered
                )
            return subprocess.Popen(
                [*self.program, *words],
                stdin=nothing,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment,
                start_new_session=True,
            )

    def stop(self) -> None:
        """SIGTERM; it finishes what is in flight and ends with 0."""
        assert self._process
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            raise
        assert status == 0, f"ended with {status}\n{self.log[-3000:]}"

    @property
    def workers(self) -> dict[int, int]:
        """Pid of each worker that has said that it works, and has not been seen to end."""
        pids: dict[int, int] = {}
        for line in self.events:
            match line["event"]:
                case "worker_ready":
                    pids[line["worker"]] = line["pid"]
                case "worker_ended":
                    pids.pop(line["worker"], None)
        return pids

    def kill(self) -> None:
        """SIGKILL for it and all it has started; nothing is tidied up."""
        assert self._process
        process, self._process = self._process, None
        os.kill(process.pid, signal.SIGSTOP)  # it replaces no worker
        for worker in _children(process.pid):
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(worker, signal.SIGKILL)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def kill_alone(self) -> None:
        """SIGKILL for the process that was started, and for none that it has started."""
        assert self._process
        process, self._process = self._process, None
        process.kill()
        process.wait(10)

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def reload(self, settings: Mapping[str, Any], event: str = "reloaded") -> None:
        """SIGHUP with this configuration; returns once the relay has said that."""

        def told() -> int:
            return sum(line["event"] == event for line in self.events)

        before = told()
        self.configure(settings)
        self.signal(signal.SIGHUP)
        wait_for(lambda: told() > before, event)

    def run(self, *words: str | Path, content: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Another command of the program."""
        done = self._finish(["-c", self.file, *words], content)
        with (self.folder / "printed").open("ab") as file:
            file.write(done.stdout + done.stderr)
        if check and done.returncode:
            raise RuntimeError(f"{words}: {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
        return done

    def _finish(self, words: list[str | Path], content: bytes) -> subprocess.CompletedProcess[bytes]:
        if not self.program:
            return forked_program.run(
                words, content=content, cwd=self.folder, env=self._environment, timeout=100, altered=self.altered
            )
        return subprocess.run(
            [*self.program, *words],
            input=content,
            capture_output=True,
            cwd=self.folder,
            env=self._environment,
            check=False,
            timeout=100,
        )

    @property
    def _environment(self) -> dict[str, str]:
        postfix = {"MAIL_CONFIG": str(self.mail_config)} if self.mail_config else {}
        return {"PATH": self.path, "LANG": "C.UTF-8", "TMPDIR": str(self._temporary), **postfix}

    def trace(self, *words: str) -> list[dict[str, Any]]:
        """`trace --json`."""
        return [json.loads(line) for line in self.run("trace", "--json", *words).stdout.splitlines()]

    def wait_event(self, name: str, seconds: float = 60) -> dict[str, Any]:
        """The first line with that word since it was last started, as soon as it is there."""

        def logged() -> dict[str, Any] | None:
            return next((e for e in _events(self._since_start().decode(errors="replace")) if e["event"] == name), None)

        return wait_for(logged, f"{name} logged", seconds)

    def said_of(self, queue_ids: Collection[str]) -> list[str]:
        """The last lines of the log that name one of these mails, or are more than what happens to every mail."""
        lines = self.log.splitlines()
        return [line for line in lines if '"level": "debug"' not in line or any(id_ in line for id_ in queue_ids)][-80:]

    def _size(self) -> int:
        file = self.folder / "log"
        return file.stat().st_size if file.exists() else 0

    def _since_start(self) -> bytes:
        with (self.folder / "log").open("rb") as file:
            file.seek(self._started_at)
            return file.read()

    def _ready(self) -> bool:
        return b'"ready"' in self._since_start()


def _events(log: str) -> list[dict[str, Any]]:
    whole, _, _unfinished = log.rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
