"""The engine: GnuPG signs and encrypts (RFC 9580 sections 5.1, 5.13.1, 10.3 and 10.4).

Promises: one message, encrypted to exactly the certificates given and to nobody else, binary, as PKESK
packets and one SEIPDv1 packet, without compression. The certificates are handed to gpg (`--recipient-file`), cut down
to the subkeys that may be used: GnuPG's keyring holds none of them and is not searched. gpg refuses what is revoked or
expired at that moment, whatever was decided before. A message counts only when gpg exits with 0, says that
it encrypted (and signed), and what it wrote has that very shape; part of a message is never returned.

What signs for an own address is handed over likewise, as the only keyring of that call: the agent finds the secret part
by its keygrip, so that 20,000 of them cost a call no more than ten.

Raises `EngineTimeout` after the deadline (`timeout` and a second for each MiB) and `EngineError` for
everything else: all temporary, none with gpg's own words. At most `parallel` calls run at once, the others
wait their turn outside their deadline.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from relay.mail import packets
from relay.model import Certificate, Signer
from relay.model.errors import EngineError, OpenPgpError
from relay.openpgp import call, password_message
from relay.openpgp.home import reachable
from relay.openpgp.minimal import trimmed

MOST_RECIPIENTS = 200
SEIPD = 18

_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_OCTETS_A_SECOND = 1 << 20
_OVERHEAD = 1 << 16
_OVERHEAD_A_RECIPIENT = 1 << 12


class GnuPG:
    """`ports.Engine` with gpg; `home` is the keyring folder, `passphrase` opens its secret keys."""

    def __init__(
        self, home: Path, timeout: float = 30.0, passphrase: bytes | None = None, parallel: int | None = None
    ) -> None:
        self._home = home
        self._timeout = timeout
        self._passphrase = passphrase
        self._turns = asyncio.Semaphore(parallel or default_parallel())

    async def encrypt(self, payload: bytes, certificates: Sequence[Certificate], signer: Signer | None) -> bytes:
        """One message for all `certificates`, signed by `signer`."""
        unique = {certificate.fingerprint: certificate for certificate in certificates}
        recipients = _cut(unique.values())
        if not 1 <= len(recipients) <= MOST_RECIPIENTS:
            raise EngineError(f"a message is encrypted for 1 to {MOST_RECIPIENTS} keys at a time")
        async with self._turns:
            result = await self._call(payload, recipients, signer)
        _check(result, signed=signer is not None)
        _check_shape(result.output, len(recipients))
        return result.output

    async def lock(self, payload: bytes, code: str) -> bytes:
        """One message that this code opens; no agent sees the code."""
        password = password_message.password(code).encode("ascii")
        async with self._turns:
            with call.memory(password + b"\n") as fd:
                result = await call.run(
                    reachable(self._home),
                    *("--lock-never", "--pinentry-mode", "loopback", "--passphrase-fd", str(fd)),
                    *("--s2k-mode", "3", "--s2k-count", str(password_message.COUNT)),
                    *("--s2k-digest-algo", password_message.DIGEST, "--s2k-cipher-algo", "AES256"),
                    "--symmetric",
                    seconds=self._timeout + len(payload) / _OCTETS_A_SECOND,
                    content=payload,
                    most=len(payload) + len(payload) // 8 + _OVERHEAD,
                    passing=[fd],
                )
        _check(result, signed=False)
        password_message.check(result.output)
        return result.output

    async def sign(self, content: bytes, signer: Signer) -> bytes:
        """A detached signature."""
        async with self._turns:
            with signing(signer, self._passphrase) as (arguments, descriptors):
                result = await call.run(
                    reachable(self._home),
                    "--lock-never",
                    *arguments,
                    "--detach-sign",
                    seconds=self._timeout + len(content) / _OCTETS_A_SECOND,
                    content=content,
                    most=_OVERHEAD,
                    passing=descriptors,
                )
        if result.code != 0 or not result.told("sign"):
            raise EngineError("gpg did not sign")
        check_signature(result.output)
        return result.output

    async def _call(self, payload: bytes, recipients: Sequence[bytes], signer: Signer | None) -> call.Result:
        with call.memories(recipients) as keys, signing(signer, self._passphrase) as (arguments, passphrase):
            return await call.run(
                reachable(self._home),
                "--lock-never",
                *arguments,
                *(["--sign"] if signer else []),
                *(f"--recipient-file={call.name(fd)}" for fd in keys),
                "--encrypt",
                seconds=self._timeout + len(payload) / _OCTETS_A_SECOND,
                content=payload,
                most=len(payload) + len(payload) // 8 + _OVERHEAD + _OVERHEAD_A_RECIPIENT * len(recipients),
                passing=[*keys, *passphrase],
            )


def _cut(certificates: Iterable[Certificate]) -> list[bytes]:
    try:
        return [trimmed(certificate, time.time()) for certificate in certificates]
    except OpenPgpError as error:
        raise EngineError("a certificate that cannot be read") from error


def default_parallel() -> int:
    """One call a core, and one that waits for the agent or is just starting."""
    return len(os.sched_getaffinity(0)) + 1


@contextmanager
def signing(signer: Signer | None, passphrase: bytes | None) -> Iterator[tuple[list[str], list[int]]]:
    """The arguments that make gpg sign with that key, once it is told to, and the descriptors they name.

    Without a passphrase none is asked for: a key that needs one is a failure.
    """
    if signer is None:
        yield [], []
        return
    if not _FINGERPRINT.fullmatch(signer.fingerprint):
        raise EngineError("the signing key is named by its fingerprint")
    with unlocking(passphrase) as (words, opened), alone(signer.certificate) as (keyring, certificate):
        yield [*words, *keyring, "--local-user", signer.fingerprint], [*opened, *certificate]


@contextmanager
def alone(certificate: bytes) -> Iterator[tuple[list[str], list[int]]]:
    """The arguments that make this certificate gpg's only keyring, and the descriptors they name; empty: its own."""
    if not certificate:
        yield [], []
        return
    with call.memory(certificate) as fd:
        yield ["--no-default-keyring", "--keyring", call.name(fd)], [fd]


@contextmanager
def unlocking(passphrase: bytes | None) -> Iterator[tuple[list[str], list[int]]]:
    """The arguments that give gpg the passphrase of its secret keys, and the descriptors they name."""
    if passphrase is None:
        yield ["--pinentry-mode", "error"], []
    else:
        with call.memory(passphrase + b"\n") as fd:
            yield ["--pinentry-mode", "loopback", "--passphrase-fd", str(fd)], [fd]


def _check(result: call.Result, *, signed: bool) -> None:
    if result.code != 0 or not result.told("crypt").ok:
        raise EngineError("gpg did not encrypt")
    if signed and not result.told("sign"):
        raise EngineError("gpg did not sign")


def check_signature(signature: bytes) -> None:
    """Raise `EngineError` for what is not one signature packet over a document (RFC 9580 section 5.2.1.1)."""
    try:
        found = [packets.body(signature, packet)[:2] for packet in packets.walk(signature, most=2)]
    except OpenPgpError as error:
        raise EngineError("what was written is not one signature") from error
    if found not in ([b"\x04\x00"], [b"\x06\x00"]):
        raise EngineError("what was written is not one signature over a document")


def _check_shape(message: bytes, recipients: int) -> None:
    try:
        found = list(packets.walk(message))
    except OpenPgpError as error:
        raise EngineError("what gpg wrote is not one whole message") from error
    if [packet.tag for packet in found] != [packets.PKESK] * recipients + [SEIPD]:
        raise EngineError("gpg did not write an encrypted message for these keys in the standard's packets")
    if message[found[-1].body_start] != 1:
        raise EngineError("gpg did not write a SEIPDv1 packet")
