"""Nothing of a mail may stand in a log, a trace, a reply or a file of the relay: every test mail is its own canary.

Whatever sends for a test (`lab.client`, `lab.postfix`) calls `sent` with the content; its subject and the lines of its
body are the canaries, and `WORD`, which tests of faults put into every subject and body. `lab.relay` calls
`assert_silent` on the relay's folder when it is done: the log of all its runs with what crashed, the store and its
write-ahead log, what the commands printed, whatever else was left there. `lab.client` has each reply looked at.
"""

from __future__ import annotations

import re
from pathlib import Path

WORD = b"kanarienvogel7"

_SUBJECT = re.compile(rb"(?mi)^subject:[ \t]*([^\r\n]+(?:\r\n[ \t][^\r\n]+)*)")
_SHORTEST = 12
_MOST = 40
_known: set[bytes] = {WORD}


def sent(content: bytes) -> None:
    """Remember what must be seen nowhere: the subject and some long lines of the body, but for addresses."""
    head, _, body = content[:200_000].partition(b"\r\n\r\n")
    lines = [line.strip() for line in body.split(b"\r\n")[: 10 * _MOST]]
    if subject := _SUBJECT.search(head + b"\r\n"):
        lines.insert(0, subject[1].strip())
    _known.update([line[:200] for line in lines if len(line) >= _SHORTEST and not _ordinary(line)][:_MOST])


def _ordinary(line: bytes) -> bool:
    """What stands in any log: an address, a boundary, a field, one character over and over."""
    return b"@" in line or line.startswith(b"--") or b": " in line or len(set(line)) < 6


class Sings(Exception):
    """A canary was found where none may be."""


def assert_unheard(data: bytes, where: object) -> None:
    """No canary stands in it."""
    singing = sorted(word for word in _known if word in data)
    if singing:
        raise Sings(f"{where} holds what stood in a mail: {singing[:3]}")


def assert_silent(folder: Path) -> None:
    """No canary in any file below."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        assert_unheard(file.read_bytes(), file.relative_to(folder))
