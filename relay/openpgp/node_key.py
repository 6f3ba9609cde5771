"""The key of this node among those that share a database: others encrypt secret keys to it, and the node signs with it.

It is in a GnuPG home of its own, `node` in the keyring folder. It signs no mail, is in no backup, and is given to
nobody.

Raises `EngineError` and `EngineTimeout`.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from relay.mail import packets
from relay.model.errors import EngineError, OpenPgpError
from relay.model.node_key import NodeKey
from relay.openpgp import call, home, memory_file, secret_parts, signing
from relay.openpgp.arguments import unlocking
from relay.openpgp.prefilter import certificate_fingerprint

FOLDER = "node"
SECONDS = 60.0
LARGEST = 1 << 24
"""The most octets that are signed or encrypted."""
LARGEST_CERTIFICATE = 1 << 16
FILE = "own.pgp"
"""The file with the certificate of the node's own key, written once the key is complete."""

_USER_ID = "pgp-relay node"


@dataclass(frozen=True, slots=True)
class Spoken:
    """The content of a message that a trusted node signed, and who signed it."""

    by: str
    """The fingerprint of the key of that node."""
    content: bytes
    closed: bool
    """It was encrypted, with integrity protection."""


class NodeIdentity:
    """The key of the node whose keyring folder this is."""

    def __init__(self, keyring: Path) -> None:
        self.folder = keyring / FOLDER
        self._file = self.folder / FILE

    @property
    def exists(self) -> bool:
        """Whether this node has a key."""
        return self._file.exists()

    async def own(self, node: str) -> NodeKey:
        """The key of this node; makes it where there is none yet."""
        if not self.exists:
            home.prepare(self.folder)
            async with _alone(self.folder / "making"):
                if not self.exists:
                    certificate = await signing.export_binary(self.folder, await self._make())
                    secret_parts.replace(self._file, certificate)
        return read(node, self._file.read_bytes())

    async def _make(self) -> str:
        with unlocking(b"") as (arguments, descriptors):
            words = ("--quick-generate-key", _USER_ID, "future-default", "default", "never")
            result = await self._gpg(*arguments, *words, passing=tuple(descriptors))
        made = str(result.told("generate").fingerprint)
        if result.code != 0 or not made:
            raise EngineError("gpg did not make the key of this node")
        return made

    async def learn(self, certificate: bytes) -> None:
        """Store another node's certificate, so that its signatures can be verified."""
        result = await self._gpg("--import", content=certificate)
        if result.code != 0:
            raise EngineError("gpg did not take the key of another node")

    async def sign(self, content: bytes) -> bytes:
        """Return the data as a signed OpenPGP message."""
        result = await self._look("--sign", content=content)
        if result.code != 0 or not result.told("sign"):
            raise EngineError("gpg did not sign with the key of this node")
        return result.output

    async def encrypt(self, content: bytes, certificate: bytes) -> bytes:
        """Return the data as an OpenPGP message, signed, and encrypted to the owner of this certificate."""
        with memory_file.memory(certificate) as fd:
            words = ("--sign", f"--recipient-file={memory_file.name(fd)}", "--encrypt")
            result = await self._look(*words, content=content, passing=(fd,))
        if result.code != 0 or not result.told("crypt").ok or not result.told("sign"):
            raise EngineError("gpg did not encrypt to the key of another node")
        return result.output

    async def heard(self, message: bytes, trusted: Collection[str]) -> Spoken | None:
        """Decrypt and verify a message; None unless it has exactly one signature, by a trusted key."""
        result = await self._look("--decrypt", content=message)
        signers = [value.split()[-1] for keyword, value in result.status if keyword == "VALIDSIG"]
        words = {keyword for keyword, _ in result.status}
        if result.code != 0 or len(signers) != 1 or signers[0] not in trusted or "BADSIG" in words:
            return None
        return Spoken(signers[0], result.output, {"DECRYPTION_OKAY", "GOODMDC"} <= words)

    async def _gpg(self, *arguments: str, content: bytes = b"", passing: tuple[int, ...] = ()) -> call.Result:
        return await self._called(call.run, *arguments, content=content, passing=passing)

    async def _look(self, *arguments: str, content: bytes = b"", passing: tuple[int, ...] = ()) -> call.Result:
        return await self._called(call.look, *arguments, content=content, passing=passing)

    async def _called(
        self, how: Callable[..., Awaitable[call.Result]], *arguments: str, content: bytes, passing: tuple[int, ...]
    ) -> call.Result:
        return await how(
            home.reachable(self.folder),
            *arguments,
            content=content,
            passing=passing,
            seconds=SECONDS,
            most=LARGEST * 2,
            nice=call.NICE,
        )


@asynccontextmanager
async def _alone(file: Path) -> AsyncIterator[None]:
    """Hold the lock that keeps other processes from making the key."""
    with file.open("ab") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield


def read(node: str, certificate: bytes) -> NodeKey:
    """Parse the key that another node has published. Raises `EngineError` unless it is exactly one certificate."""
    try:
        (one,) = packets.split_certificates(certificate[: LARGEST_CERTIFICATE + 1])
        return NodeKey(node, certificate_fingerprint(one), certificate)
    except (OpenPgpError, ValueError) as error:
        raise EngineError("a node's key is not one certificate") from error
