"""The engine: GnuPG signs and encrypts (RFC 9580 sections 5.1, 5.13.1, 10.3 and 10.4).

Promises: one message, encrypted to exactly the certificates given and to nobody else, binary, as PKESK
packets and one SEIPDv1 packet, without compression. The certificates are handed to gpg, cut down to the subkeys that
may be used: GnuPG's keyring holds none of them and is not searched. What gpg has verified in them once it need not
verify for each mail (`relay.openpgp.signature_cache`). gpg refuses what is revoked or
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
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from relay.mail import packets
from relay.model import Certificate, Signer
from relay.model.errors import EngineError, OpenPgpError
from relay.openpgp import call, memory_file, password_message
from relay.openpgp.arguments import fingerprint_of, no_keyring, recipients_as_files, recipients_in_keyring, signing
from relay.openpgp.home import reachable
from relay.openpgp.minimal import trimmed
from relay.openpgp.signature_cache import HomeCertificates, SignatureCache
from relay.process.pool import run_apart

MOST_RECIPIENTS = 200
SEIPD = 18

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
        self._verified = SignatureCache(home, timeout)
        self._own = HomeCertificates(home, timeout)

    async def encrypt(self, payload: bytes, certificates: Sequence[Certificate], signer: Signer | None) -> bytes:
        """One message for all `certificates`, signed by `signer`."""
        recipients = _cut(certificates)
        if not 1 <= len(recipients) <= MOST_RECIPIENTS:
            raise EngineError(f"a message is encrypted for 1 to {MOST_RECIPIENTS} keys at a time")
        async with self._turns:
            with self._forgetting(signer, recipients.values()):
                result = await self._call(payload, recipients, signer)
                _check(result, signed=signer is not None)
                _check_shape(result.output, len(recipients))
        return result.output

    async def lock(self, payload: bytes, code: str) -> bytes:
        """One message that this code opens; no agent sees the code. gpg runs at a lower priority than other mail."""
        password = password_message.password(code)
        return await run_apart(len(payload), locked, self._home, self._timeout, payload, password)

    async def sign(self, content: bytes, signer: Signer) -> bytes:
        """Return a detached signature over `content`, binary. Raises `EngineError`."""
        async with self._turns:
            with self._forgetting(signer, []):
                result = await self._detached(content, signer)
                if result.code != 0 or not result.told("sign"):
                    raise EngineError("gpg did not sign")
                check_signature(result.output)
        return result.output

    async def _detached(self, content: bytes, signer: Signer) -> call.Result:
        signer = await self._with_certificate(signer)
        keyring = await self._keyring(signer, [])
        signer = replace(signer, certificate=keyring) if keyring else signer
        with signing(signer, self._passphrase) as (arguments, descriptors):
            return await call.run(
                reachable(self._home),
                *arguments,
                "--detach-sign",
                seconds=self._timeout + len(content) / _OCTETS_A_SECOND,
                content=content,
                most=_OVERHEAD,
                passing=descriptors,
            )

    async def _call(self, payload: bytes, recipients: dict[str, bytes], signer: Signer | None) -> call.Result:
        signer = await self._with_certificate(signer) if signer else None
        keyring = await self._keyring(signer, recipients.values())
        with (
            recipients_in_keyring(keyring, recipients, signer, self._passphrase)
            if keyring
            else recipients_as_files(recipients, signer, self._passphrase)
        ) as (arguments, descriptors):
            return await call.run(
                reachable(self._home),
                *arguments,
                *(["--sign"] if signer else []),
                "--encrypt",
                seconds=self._timeout + len(payload) / _OCTETS_A_SECOND,
                content=payload,
                most=len(payload) + len(payload) // 8 + _OVERHEAD + _OVERHEAD_A_RECIPIENT * len(recipients),
                passing=descriptors,
            )

    @contextmanager
    def _forgetting(self, signer: Signer | None, recipients: Iterable[bytes]) -> Iterator[None]:
        """After a failure the next call has gpg write these certificates anew: what is remembered may be the cause."""
        try:
            yield
        except EngineError:
            own = [signer.certificate, self._own.forget(signer.fingerprint)] if signer else []
            self._verified.forget([*recipients, *own])
            raise

    async def _keyring(self, signer: Signer | None, recipients: Iterable[bytes]) -> bytes | None:
        """The keyring from `SignatureCache` for one call; None where the call gets certificates as files."""
        if signer is None:
            return await self._verified.keyring([*recipients])
        return await self._verified.keyring([signer.certificate, *recipients]) if signer.certificate else None

    async def _with_certificate(self, signer: Signer) -> Signer:
        """The signer with its certificate, which is then gpg's only keyring."""
        return replace(signer, certificate=signer.certificate or await self._own.get(fingerprint_of(signer)))


def _cut(certificates: Iterable[Certificate]) -> dict[str, bytes]:
    """The certificates cut down to what gpg needs of them now, by fingerprint; raises `EngineError` for nonsense."""
    try:
        return {certificate.fingerprint: trimmed(certificate, time.time()) for certificate in certificates}
    except OpenPgpError as error:
        raise EngineError("a certificate that cannot be read") from error


async def locked(home: Path, timeout: float, payload: bytes, code: str) -> bytes:  # noqa: ASYNC109  gpg's
    """Runs in a process of the pool: returns the message that this code opens."""
    with memory_file.memory(code.encode("ascii") + b"\n") as fd, no_keyring() as (words, descriptors):
        result = await call.run(
            reachable(home),
            *words,
            *("--pinentry-mode", "loopback", "--passphrase-fd", str(fd)),
            *("--s2k-mode", "3", "--s2k-count", str(password_message.COUNT)),
            *("--s2k-digest-algo", password_message.DIGEST, "--s2k-cipher-algo", "AES256"),
            "--symmetric",
            seconds=timeout + len(payload) / _OCTETS_A_SECOND,
            content=payload,
            most=len(payload) + len(payload) // 8 + _OVERHEAD,
            passing=[fd, *descriptors],
        )
    _check(result, signed=False)
    password_message.check(result.output)
    return result.output


def default_parallel() -> int:
    """One call a core, and one that waits for the agent or is just starting."""
    return len(os.sched_getaffinity(0)) + 1


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
