"""The commands that `pgp-relay setup` runs, each shown before it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from pathlib import Path

from relay.cli.output import complain, fail, say

PUBLIC_KEY = "signing-key.asc"
_SENDMAIL = "/usr/sbin/sendmail"
_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Steps:
    """Runs commands with one configuration file. One that cannot be started ends the program with status 1."""

    config: Path

    def relay(self, *arguments: str) -> bool:
        """Run a command of pgp-relay; returns whether it ended with status 0."""
        return self._run(self._ours(*arguments), "pgp-relay", *arguments)

    def show(self, *command: str) -> None:
        """Run a command of this machine; a failure is reported, and does not end the program."""
        if not self._run([*command], *command):
            complain(f"{command[0]} failed: see above")

    def signing_key(self, name: str, address: str) -> str:
        """Make a signing key, write its public part beside the configuration, and return its fingerprint."""
        arguments = ("keys", "generate", name, address)
        _announce("pgp-relay", *arguments)
        done = _started(self._ours(*arguments, "--json"), capture=True)
        if done.returncode != 0:
            fail(done.stderr.strip() or "no key was made")
        made: dict[str, str] = json.loads(done.stdout)
        public = self.config.parent / PUBLIC_KEY
        try:
            public.write_text(made["public_key"])
        except OSError as error:
            fail(f"{public} cannot be written: {error.strerror}")
        say(f"{made['fingerprint']}, its public part in {public}")
        return made["fingerprint"]

    def mail(self, sender: str, recipient: str) -> None:
        """Send a test mail with this machine's sendmail."""
        message = EmailMessage()
        message["From"], message["To"] = sender, recipient
        message["Subject"] = "pgp-relay: test"
        message["Date"] = format_datetime(localtime())
        message.set_content("A test of the encrypting mail relay. Nobody has to answer.\n")
        command = [_SENDMAIL, "-i", "-f", sender, "--", recipient]
        _announce("sendmail", recipient)
        done = _started(command, content=message.as_string())
        if done.returncode == 0:
            say(f"sent; what happened to it: pgp-relay trace --to {recipient}")
        else:
            complain("sendmail did not take the test mail")

    def _ours(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "relay", "-c", str(self.config), *arguments]

    def _run(self, command: list[str], *shown: str) -> bool:
        _announce(*shown)
        return _started(command).returncode == 0


def _announce(*command: str) -> None:
    say(("$ " + " ".join(f'"{word}"' if " " in word else word for word in command), "dim"))


def _started(command: list[str], *, capture: bool = False, content: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603  a list, no shell
            command, input=content, text=True, capture_output=capture, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        fail(f"{command[0]} does not run: {type(error).__name__}")
