"""The mail that `pgp-relay explain` is asked about: its envelope, and what is in it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from relay.admin.explain import ordinary
from relay.cli.options import Options
from relay.cli.output import fail
from relay.cli.values import address
from relay.model import Address, Envelope, Recipient
from relay.model.envelope import NULL_SENDER


@dataclass(frozen=True, slots=True)
class Mail(Options):
    """A mail to one recipient. Where an option is wrong, its methods end the program."""

    recipient: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="The recipient.")]
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="The sender; <> for the null sender.")
    ] = None
    message: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The mail, so that its subject, headers and structure count; - for standard input."
        ),
    ] = None

    def content(self) -> bytes:
        """The octets of the message; without one, an ordinary mail of the sender."""
        sender = self._from()
        return _read(self.message) if self.message else ordinary(sender)

    def incoming(self) -> bytes:
        """The octets of the message, which comes from outside."""
        if self.message is None:
            fail("--inbound needs --message: what is in the mail decides", status=2)
        return _read(self.message)

    def envelope(self) -> Envelope:
        """Reverse-path and recipient."""
        sender = self._from()
        return Envelope(address(sender) if sender else None, (Recipient(self.to()),))

    def to(self) -> Address:
        """The address of the recipient, as in RCPT; ends the program with status 2 if it is none."""
        return address(self.recipient)

    def _from(self) -> str:
        """As it was written; empty: the null reverse-path."""
        if self.sender is None:
            fail("--from is needed: the sender, or <> for the null sender", status=2)
        return "" if self.sender == NULL_SENDER else self.sender


def _read(message: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(message) == "-" else message.read_bytes()
    except OSError as error:
        fail(f"{message}: {error.strerror}", status=2)
