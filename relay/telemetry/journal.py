"""The journal's priorities: sd-daemon(3) reads `<N>` in front of a line, in syslog's numbers (RFC 5424).

systemd says in JOURNAL_STREAM which file its journal reads (systemd.exec(5)): where standard error is that very file,
each line begins so, and `journalctl -p warning` finds what matters. Anywhere else lines stay as they are.
"""

from __future__ import annotations

import os
import sys

_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}


def reads_standard_error() -> bool:
    """Whether systemd's journal reads standard error."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or no file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def with_priority(_logger: object, level: str, line: object) -> str:
    """Structlog's last processor: the line as the journal wants it."""
    return f"<{_PRIORITIES.get(level, 6)}>{line}"
