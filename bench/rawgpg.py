"""`gpg --sign --encrypt` alone, with the relay's own options: the least that the engine `gnupg` can cost.

Calls one after the other, from a file into nothing, as the relay calls it: its options file, `--lock-never`, the
certificate as a file. Processor time is gpg's own and the agent's; whoever starts it counts for nothing.
"""

from __future__ import annotations

import resource
import subprocess
import time
from pathlib import Path

from lab.gnupghome import agent_of, secret_key, stop_agent
from lab.processes import spent

from relay.openpgp.call import _ALWAYS, OPTIONS


class RawGpg:
    """A home with a signing key, and certificates; `close` stops its agent."""

    def __init__(self, home: Path, *certificates: bytes) -> None:
        home.mkdir(mode=0o700)
        self._home = home
        self._signer = secret_key(home)
        self._certificates = [home / f"certificate-{number}.pgp" for number in range(len(certificates))]
        for file, certificate in zip(self._certificates, certificates, strict=True):
            file.write_bytes(certificate)
        self._agent = agent_of(home)

    def close(self) -> None:
        stop_agent(self._home)

    def run(self, content: Path, calls: int) -> dict[str, float]:
        """So many calls."""
        words = ["gpg", "--homedir", str(self._home), "--options", str(OPTIONS), *_ALWAYS, "--lock-never"]
        words += [f"--recipient-file={certificate}" for certificate in self._certificates]
        words += ["--local-user", self._signer, "--sign", "--encrypt"]
        before, begun = self._seconds(), time.perf_counter()
        for _ in range(calls):
            with content.open("rb") as file:
                subprocess.run(words, check=True, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - begun
        return {"cpu_ms": (self._seconds() - before) / calls * 1000, "mails_a_second": calls / seconds}

    def _seconds(self) -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime + (spent(self._agent) if self._agent else 0.0)
