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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import gnupg

from relay.model.errors import EngineError, EngineTimeout
from relay.openpgp.home import keyring_stamp
from relay.openpgp.memory_file import memory, sink, written
from relay.process import external
from relay.process.priority import give_way

OPTIONS = Path(__file__).with_name("gpg.conf")
MOST_STATUS = 1 << 20
NICE = 5
"""The niceness of work on our own keys: mail goes first."""

_PROGRAM = "gpg"
_LOOKS = 5
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
    with sink(most) as output, sink(MOST_STATUS) as status:
        command = [_PROGRAM, "--homedir", str(home), "--options", str(OPTIONS), *_ALWAYS]
        command += ["--status-fd", str(status), *arguments]
        with memory(content) as source:
            process = await start(command, source, output, (*passing, status))
            if nice:
                give_way(nice, process.pid)
            code = await finish(process, seconds)
        return Result(code, written(output), tuple(_lines(written(status))))


async def look(  # noqa: PLR0913  as `run`
    home: Path,
    *arguments: str,
    seconds: float,
    content: bytes = b"",
    most: int = 1 << 24,
    passing: Sequence[int] = (),
    nice: int = 0,
) -> Result:
    """`run`, for what reads the home's keyring and changes nothing.

    gpg replaces the keyring by two renames. Between them there is no keyring, and another gpg finds no key: such a call
    is repeated. gpg must open the passed descriptors by name, so that each call reads them from the beginning.
    """
    given = partial(run, home, *arguments, seconds=seconds, content=content, most=most, passing=passing, nice=nice)
    for _ in range(_LOOKS - 1):
        before = keyring_stamp(home)
        result = await given()
        if result.code == 0 or keyring_stamp(home) == before:
            return result
    return await given()


async def start(command: Sequence[str], source: int, output: int, passing: Sequence[int]) -> asyncio.subprocess.Process:
    """Start one of GnuPG's programs in a process group of its own. Raises `EngineError` where it cannot be started."""
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


async def finish(process: asyncio.subprocess.Process, seconds: float) -> int:
    """Wait for its exit code. Raises `EngineTimeout` after `seconds`; it is killed then, as it is at a cancellation."""
    try:
        async with asyncio.timeout(seconds):
            return await process.wait()
    except TimeoutError as error:
        raise EngineTimeout("gpg did not finish in time") from error
    finally:
        await external.end(process)


def _lines(status: bytes) -> Iterator[tuple[str, str]]:
    for line in status.splitlines():
        if line.startswith(_PREFIX):
            keyword, _, value = line[len(_PREFIX) :].decode("utf-8", "replace").partition(" ")
            yield keyword, value.strip()
