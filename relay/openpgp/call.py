"""One bounded call of GnuPG.

Promises: gpg is found through PATH and gets an explicit home, our own options file (`gpg.conf` beside this
module, which is `keyring/gpg.conf`: what an administrator writes into the home changes nothing here), an
environment of PATH and the locale C, and no terminal: with a UTF-8 locale each call reads a dozen files more,
and gpg.conf says that arguments and output are UTF-8. Input, output, status and every file it reads are
memory files (memfd_create(2)): no thread, no pipe that can fill up, no temporary file, nothing at rest;
the output cannot grow beyond `most`. When the deadline passes, or the caller is cancelled, gpg and what it
started are killed and reaped. Status is read from `--status-fd` alone; gpg's messages are never looked at.

Raises `EngineTimeout` after the deadline, `EngineError` when gpg cannot be started or writes nonsense. An
exit code other than 0 is the caller's to judge.

Of python-gnupg the result classes are used: they read the status lines (`Result.told`). The rest of it
does not fit here: constructing `gnupg.GPG` runs gpg and waits, each call takes three threads, the passphrase
goes over standard input, where the mail is, and `make_args` adds `--debug ipc`, which writes the plaintext
to standard error, when DEBUG_IPC happens to be set.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, Literal
from urllib.parse import unquote

import gnupg

from relay.model.errors import EngineError, EngineTimeout
from relay.process import external
from relay.process.priority import give_way

OPTIONS = Path(__file__).with_name("gpg.conf")
MOST_STATUS = 1 << 20
NICE = 5
"""The niceness of work on our own keys: mail goes first."""
DRAINED_WITHIN = 10.0
"""Seconds for the rest of what stands in a pipe, once gpg has ended."""

_PROGRAM = "gpg"
_ALWAYS = ("--batch", "--no-tty", "--no-verbose", "--quiet", "--fixed-list-mode", "--with-colons")
_PREFIX = b"[GNUPG:] "

gnupg.logger.disabled = True  # it would log gpg's own words


@dataclass(frozen=True, slots=True)
class Result:
    """What gpg did: its exit code, its standard output and its status lines."""

    code: int
    output: bytes
    status: tuple[tuple[str, str], ...]

    def told(self, operation: Literal["crypt", "sign", "generate", "import"]) -> Any:  # noqa: ANN401  untyped library
        """The status lines as python-gnupg's result class for that operation reads them."""
        handler = gnupg.GPG.result_map[operation](None)
        try:
            for keyword, value in self.status:
                handler.handle_status(keyword, value)
        except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
            raise EngineError("gpg's status lines cannot be understood") from error
        return handler


async def run(  # noqa: PLR0913  what a process is, each by its name
    home: Path,
    *arguments: str,
    seconds: float,
    content: bytes = b"",
    most: int = 1 << 24,
    passing: Sequence[int] = (),
    nice: int = 0,
) -> Result:
    """Call gpg in that home (`home.reachable`, where an agent is needed) with `content` on its standard input.

    `passing` are the descriptors it may open, `nice` its niceness.
    """
    with _sink(most) as output, _sink(MOST_STATUS) as status:
        command = [_PROGRAM, "--homedir", str(home), "--options", str(OPTIONS), *_ALWAYS]
        command += ["--status-fd", str(status), *arguments]
        with memory(content) as source:
            process = await _start(command, source, output, (*passing, status))
            if nice:
                give_way(nice, process.pid)
            code = await _finish(process, seconds)
        return Result(code, _written(output), tuple(_lines(_written(status))))


@contextmanager
def memory(content: bytes) -> Iterator[int]:
    """A file in memory that holds `content`, read from its beginning."""
    with _descriptor() as fd:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd


@contextmanager
def memories(contents: Iterable[bytes]) -> Iterator[list[int]]:
    """Several files in memory."""
    with ExitStack() as stack:
        yield [stack.enter_context(memory(content)) for content in contents]


def name(fd: int) -> str:
    """The file name under which a passed descriptor is opened anew."""
    return f"/proc/self/fd/{fd}"


class Tap:
    """A pipe for what gpg writes to a file name key after key, where a memory file would be overwritten."""

    def __init__(self, fd: int, reader: asyncio.StreamReader, most: int) -> None:
        self.fd = fd
        self._reader = reader
        self._most = most
        self._collected = asyncio.ensure_future(self._collect())

    async def _collect(self) -> bytes:
        chunks, size = [], 0
        while chunk := await self._reader.read(1 << 16):
            size += len(chunk)
            if size <= self._most:  # the rest is drained, so that gpg ends by itself
                chunks.append(chunk)
        if size > self._most:
            raise EngineError("gpg wrote more than it may")
        return b"".join(chunks)

    async def read(self) -> bytes:
        """All that was written; once, after the call has ended.

        Raises `EngineTimeout` where something that gpg started still holds the other end.
        """
        os.close(self.fd)
        self.fd = -1
        try:
            async with asyncio.timeout(DRAINED_WITHIN):
                return await self._collected
        except TimeoutError as error:
            raise EngineTimeout("gpg has ended, and what it wrote has not") from error


@asynccontextmanager
async def tap(most: int) -> AsyncIterator[Tap]:
    """A `Tap` for one call."""
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
    )
    pipe = Tap(writing, reader, most)
    try:
        yield pipe
    finally:
        transport.close()
        pipe._collected.cancel()  # noqa: SLF001  its own module
        if pipe.fd >= 0:
            os.close(pipe.fd)


async def end_agent(home: Path) -> None:
    """End the agent of that home, where one runs. Raises `EngineError` where gpgconf cannot be started or hangs."""
    process = await _start(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], DEVNULL, DEVNULL, ())
    await _finish(process, DRAINED_WITHIN)


async def start_agent(home: Path, seconds: float) -> None:
    """Start the agent of that home, where none runs. Raises `EngineError` where it cannot, `EngineTimeout`."""
    process = await _start(["gpgconf", "--homedir", str(home), "--launch", "gpg-agent"], DEVNULL, DEVNULL, ())
    if await _finish(process, seconds) != 0:
        raise EngineError("gpg-agent cannot be started")


async def agent_socket(home: Path, seconds: float) -> str:
    """Where the agent of that home listens. Raises `EngineError`, `EngineTimeout`."""
    with _sink(1 << 12) as output:
        command = ["gpgconf", "--homedir", str(home), "--list-dirs", "agent-socket"]
        code = await _finish(await _start(command, DEVNULL, output, ()), seconds)
        socket = os.fsdecode(_written(output).rstrip(b"\n"))
    if code != 0 or not socket:
        raise EngineError("gpgconf does not say where gpg-agent listens")
    return unquote(socket)


async def _start(
    command: Sequence[str], source: int, output: int, passing: Sequence[int]
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=source,
            stdout=output,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=passing,
            cwd="/",
            env={**external.environment(), "LANG": "C"},
            process_group=0,  # not a session: see `relay.process.priority`
        )
    except OSError as error:
        raise EngineError("gpg cannot be started: is GnuPG installed, and in PATH?") from error


async def _finish(process: asyncio.subprocess.Process, seconds: float) -> int:
    try:
        async with asyncio.timeout(seconds):
            return await process.wait()
    except TimeoutError as error:
        raise EngineTimeout("gpg did not finish in time") from error
    finally:
        await external.end(process)


@contextmanager
def _descriptor() -> Iterator[int]:
    try:
        fd = os.memfd_create("pgp-relay", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError as error:
        raise EngineError("too many files are open to call gpg") from error
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _sink(most: int) -> Iterator[int]:
    """A file in memory that cannot grow beyond `most` octets; what is not written takes no memory."""
    with _descriptor() as fd:
        os.ftruncate(fd, most)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        yield fd


def _written(fd: int) -> bytes:
    """What was written: descriptors that are inherited share their position."""
    return os.pread(fd, os.lseek(fd, 0, os.SEEK_CUR), 0)


def _lines(status: bytes) -> Iterator[tuple[str, str]]:
    for line in status.splitlines():
        if line.startswith(_PREFIX):
            keyword, _, value = line[len(_PREFIX) :].decode("utf-8", "replace").partition(" ")
            yield keyword, value.strip()
