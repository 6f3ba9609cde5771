"""A gpg that spoils what the real one wrote, or lies about it; a program, run by `lab.badgpg`'s.

Arguments: the way to fail, the real gpg, a file with somebody else's key, and what gpg was given.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

LIE = b"[GNUPG:] SIG_CREATED S 22 10 00 1 " + b"F" * 40 + b"\n[GNUPG:] BEGIN_ENCRYPTION 2 9\n[GNUPG:] END_ENCRYPTION\n"
LITERAL = 11
RECIPIENT = ("--recipient=", "--recipient-file=")


class Spoiler:
    """One call."""

    def __init__(self, real: str, other: str, arguments: list[str]) -> None:
        self.real_program = real
        self.other = f"--recipient-file={other}"
        self.arguments = arguments
        self.status = int(arguments[arguments.index("--status-fd") + 1])
        self.text = os.pread(0, 1 << 24, 0)

    def real(self, *more: str, instead: bool = False, silent: bool = False) -> bytes:
        """What the real gpg writes."""
        given = [self.other if instead and a.startswith(RECIPIENT) else a for a in self.arguments]
        if silent:
            nowhere = os.open("/dev/null", os.O_WRONLY)
            os.set_inheritable(nowhere, True)  # noqa: FBT003  its own name for it
            given[given.index("--status-fd") + 1] = str(nowhere)
        done = subprocess.run([self.real_program, *more, *given], capture_output=True, close_fds=False, check=False)
        if done.returncode:
            sys.exit(done.returncode)
        return done.stdout

    def claim(self, octets: bytes) -> bytes:
        """Say that all went well."""
        os.write(self.status, LIE)
        return octets

    def endless(self) -> bytes:
        self.claim(b"")
        try:
            while True:
                os.write(1, bytes(1 << 20))
        except OSError:
            return b""

    def write(self, way: str) -> bytes:  # noqa: C901, PLR0911  one case a way
        match way:
            case "half" | "half, killed":
                octets = self.real()
                return octets[: len(octets) // 2]
            case "status missing":
                return self.real(silent=True)
            case "nothing":
                return self.claim(b"")
            case "garbage":
                return self.claim(os.urandom(5000))
            case "plaintext":
                return self.claim(self.text)
            case "literal":
                return self.claim(clear(self.text))
            case "endless":
                return self.endless()
            case "other key":
                return self.real(instead=True)
            case "one key more":
                return self.real(self.other)
            case "clear behind":
                return self.real() + clear(self.text)
            case "text behind":
                return self.real() + self.text
            case "session key, then clear":
                octets = self.real()
                return octets[: first_packet(octets)] + clear(self.text)
        sys.exit(99)


def clear(text: bytes) -> bytes:
    """A literal data packet (RFC 9580 section 5.9)."""
    body = b"b\0" + bytes(4) + text
    return bytes([0xC0 | LITERAL, 0xFF]) + len(body).to_bytes(4, "big") + body


def first_packet(octets: bytes) -> int:
    """Its length, header and all (section 4.2)."""
    if octets[0] & 0x40:
        return 2 + octets[1]
    return 2 + octets[1] if octets[0] & 3 == 0 else 3 + int.from_bytes(octets[1:3], "big")


if __name__ == "__main__":
    way, real, other, *arguments = sys.argv[1:]
    sys.stdout.buffer.write(Spoiler(real, other, arguments).write(way))
    sys.stdout.flush()
    if way == "half, killed":
        os.kill(os.getpid(), signal.SIGKILL)
