"""One operation of gpg-agent with a secret key of ours: X25519 for an encryption subkey (Assuan, `PKDECRYPT`).

The secret key stays in the agent. A call of gpg would start a process, 15 ms for each mail, and read the packets once
more; the agent needs 1 ms. It is started if none runs. Raises `EngineTimeout` if it does not answer in time, and
`EngineError` for any other failure: a missing secret part, or an agent without memory, is an outage. Raises
`OpenPgpError` for a point that gives no secret; the agent is not asked then.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

from relay.model.errors import EngineError, EngineTimeout
from relay.model.own import OwnSubkey
from relay.openpgp import ecdh, gpgconf
from relay.openpgp.home import reachable

LONGEST_LINE = 1_002
"""Octets of a line, by the protocol."""
MOST_LINES = 100

_KEYGRIP = re.compile(r"[0-9A-F]{40}")
_VALUE = re.compile(rb"\(5:value33:@(.{32})\)", re.DOTALL)
_ESCAPED = re.compile(rb"[%\r\n]")


class Agent:
    """`opener.SharedSecrets` with the agent of a GnuPG home."""

    def __init__(self, home: Path, timeout: float = 30.0) -> None:
        self._home = home
        self._timeout = timeout
        self._socket: str | None = None

    async def shared(self, subkey: OwnSubkey, point: bytes) -> bytes:
        """The secret that this subkey shares with a sender's point."""
        if not _KEYGRIP.fullmatch(subkey.keygrip):
            raise EngineError("a secret key is named by its keygrip")
        ecdh.check(point)
        try:
            async with asyncio.timeout(self._timeout), self._connected() as dialogue:
                await dialogue.say(f"SETKEY {subkey.keygrip}".encode())
                answer = await dialogue.say(b"PKDECRYPT", _ciphertext(point))
        except TimeoutError as error:
            raise EngineTimeout("gpg-agent did not answer in time") from error
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise EngineError("gpg-agent broke off") from error
        value = _VALUE.match(answer)
        if value is None:
            raise EngineError("gpg-agent's answer cannot be understood")
        return value[1]

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[_Dialogue]:
        reader, writer = await self._connection()
        try:
            dialogue = _Dialogue(reader, writer)
            await dialogue.answer(b"")
            yield dialogue
        finally:
            writer.close()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._socket is not None:
            with suppress(OSError):  # the agent has ended, or its folder was renamed
                return await asyncio.open_unix_connection(self._socket, limit=LONGEST_LINE)
        home = reachable(self._home)
        self._socket = await gpgconf.agent_socket(home, self._timeout)
        try:
            return await asyncio.open_unix_connection(self._socket, limit=LONGEST_LINE)
        except OSError:  # none runs
            await gpgconf.start_agent(home, self._timeout)
        return await asyncio.open_unix_connection(self._socket, limit=LONGEST_LINE)


class _Dialogue:
    """Commands and answers, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, command: bytes, data: bytes = b"") -> bytes:
        """Its answer to this command; `data` is sent if the agent inquires."""
        self._writer.write(command + b"\n")
        return await self.answer(data)

    async def answer(self, data: bytes) -> bytes:
        """Its data, once it says OK."""
        found = b""
        for _ in range(MOST_LINES):
            line = (await self._reader.readuntil(b"\n"))[:-1]
            word, _, rest = line.partition(b" ")
            if word == b"OK":
                return found
            if word == b"ERR":
                raise EngineError("gpg-agent does not do this: is the secret part in the keyring folder?")
            if word == b"D":
                found += unquote_to_bytes(rest)
            elif line.startswith(b"INQUIRE CIPHERTEXT"):
                self._writer.write(b"D " + _ESCAPED.sub(lambda one: b"%%%02X" % ord(one[0]), data) + b"\nEND\n")
            elif word == b"INQUIRE":
                self._writer.write(b"CAN\n")
        raise EngineError("gpg-agent's answer has no end")


def _ciphertext(point: bytes) -> bytes:
    """A canonical S-expression; only the point in it counts."""
    return b"(7:enc-val(4:ecdh(1:s1:x)(1:e%d:@%b)))" % (len(point) + 1, point)
