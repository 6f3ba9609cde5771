"""Times as commands print them: UTC, ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(seconds: float | None) -> str | None:
    """To the second; None stays None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def day(seconds: float | None) -> str:
    """For people who look at an expiry date."""
    return "never" if seconds is None else datetime.fromtimestamp(seconds, UTC).date().isoformat()
