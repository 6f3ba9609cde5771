"""Times and fingerprints as commands print them.

For machines (`--json`) times are UTC, ISO 8601. For people they are local, and short on a terminal: `11-26 09:14`
this year, `2025-11-26` in another, as `ls --time-style=iso` has them. With `--full`, and in a pipe or a file, they are
ISO 8601 with their offset, and fingerprints have all their digits; `--utc` makes all times UTC.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from relay.cli.output import on_terminal

SHORT_FINGERPRINT = 16
VERSION_6 = 64
"""Hexadecimal digits of a version 6 fingerprint."""

Full = Annotated[bool, typer.Option("--full", help="Shorten nothing: full fingerprints and times, all columns.")]
Utc = Annotated[bool, typer.Option("--utc", help="Times in UTC instead of local time.")]


def moment(seconds: float | None) -> str | None:
    """ISO 8601 in UTC, to the second; None stays None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Look:
    """How times and fingerprints are shown to people: shortened or in full, local or UTC."""

    full: bool
    utc: bool

    @classmethod
    def of(cls, *, full: bool = False, utc: bool = False) -> Look:
        """As these options say; always in full unless standard output is a terminal."""
        return cls(full or not on_terminal(), utc)

    def moment(self, seconds: float | None, never: str = "") -> str:
        """A point in time as text; `never` for None."""
        if seconds is None:
            return never
        then = self._clock(seconds)
        if self.full:
            return then.isoformat(timespec="seconds")
        mark = "Z" if self.utc else ""
        if then.year == self._clock(time.time()).year:
            return f"{then:%m-%d %H:%M}{mark}"
        return f"{then:%Y-%m-%d}{mark}"

    def day(self, seconds: float | None) -> str:
        """The day of a point in time as text."""
        return "never" if seconds is None else self._clock(seconds).date().isoformat()

    def key(self, fingerprint: str) -> str:
        """A fingerprint, or 16 digits of it that identify it: the key id (of version 6 its first ones, RFC 9580)."""
        if self.full:
            return fingerprint
        return fingerprint[:SHORT_FINGERPRINT] if len(fingerprint) == VERSION_6 else fingerprint[-SHORT_FINGERPRINT:]

    def _clock(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC) if self.utc else datetime.fromtimestamp(seconds).astimezone()
