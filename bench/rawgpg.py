"""`gpg --sign --encrypt` alone, with the relay's own options: the least that the engine `gnupg` can cost.

Calls one after the other, from a file into nothing, in the locale C, with the relay's options file and `--lock-never`.
`RawGpg` calls it as the relay does from the third mail to a certificate on: recipients and signer in one keyring, in
which gpg has noted what it has verified. `PlainGpg` gives it the certificates as files, as they came, and the signer's
in the home: gpg verifies all of them each time. Processor time is gpg's own and the agent's; whoever starts it counts
for nothing.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from lab.gnupghome import agent_of, gpg, secret_key, stop_agent
from lab.processes import spent

from relay.model import Certificate
from relay.openpgp.call import _ALWAYS, OPTIONS
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.minimal import trimmed
from relay.openpgp.signature_cache import SignatureCache

ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C"}


class PlainGpg:
    """A home with a signing key, and certificates; `close` stops its agent."""

    def __init__(self, home: Path, *certificates: bytes) -> None:
        home.mkdir(mode=0o700)
        self._home = home
        self._signer = secret_key(home)
        self._words = self._recipients(certificates)
        self._agent = agent_of(home)

    def _recipients(self, certificates: Sequence[bytes]) -> list[str]:
        files = [self._home / f"certificate-{number}.pgp" for number in range(len(certificates))]
        for file, certificate in zip(files, certificates, strict=True):
            file.write_bytes(certificate)
        return [f"--recipient-file={file}" for file in files]

    def close(self) -> None:
        stop_agent(self._home)

    def run(self, content: Path, calls: int) -> dict[str, float]:
        """So many calls."""
        words = ["gpg", "--homedir", str(self._home), "--options", str(OPTIONS), *_ALWAYS, "--lock-never"]
        words += [*self._words, "--local-user", self._signer, "--sign", "--encrypt"]
        nowhere = subprocess.DEVNULL
        before, begun = self._seconds(), time.perf_counter()
        for _ in range(calls):
            with content.open("rb") as file:
                subprocess.run(words, check=True, stdin=file, stdout=nowhere, stderr=nowhere, env=ENVIRONMENT)
        seconds = time.perf_counter() - begun
        return {"cpu_ms": (self._seconds() - before) / calls * 1000, "mails_a_second": calls / seconds}

    def _seconds(self) -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime + (spent(self._agent) if self._agent else 0.0)


class RawGpg(PlainGpg):
    """The same, called as the relay calls it."""

    def _recipients(self, certificates: Sequence[bytes]) -> list[str]:
        judged = asyncio.run(GnuPGExaminer().examine(certificates))
        named = {one.fingerprint: trimmed(one, time.time()) for one in judged if isinstance(one, Certificate)}
        own = gpg(self._home, "--export", self._signer).stdout
        file = self._home / "keyring.gpg"
        file.write_bytes(asyncio.run(_verified(self._home, [own, *named.values()])))
        return ["--no-default-keyring", "--keyring", str(file), *(f"--recipient={name}" for name in named)]


async def _verified(home: Path, certificates: Sequence[bytes]) -> bytes:
    cache = SignatureCache(home, timeout=60)
    await cache.keyring(certificates)
    return await cache.keyring(certificates) or b""
