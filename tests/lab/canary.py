"""Nothing of a mail may stand in a log, a trace, a reply or a file of the relay: every test mail is its own canary.

Whatever sends for a test (`lab.client`, `lab.postfix`, `smtplib`) calls `sent` with the content; its subject and the
lines of its body are the canaries, and `WORD`, which tests of faults put into every subject and body. Where they may
not be heard, in the whole run of the tests:

- the relay's folder, when `lab.relay` is done with it: the log of all its runs with whatever crashed, the store with
  the trace, what the commands printed, temporary files (TMPDIR is in there), what else was left;
- each reply, in `lab.client` and in `smtplib` (`listen`); the log of Postfix, which quotes them;
- each notice that comes to a sink of the lab or to a mailbox (and all that comes to the next hop of `lab.bed`);
- what a test that passed has written to standard output, standard error and the log of its own process, where parts of
  the relay run without one of their own (`tests/conftest.py`); what it has read of that itself (`capsys`); and with
  `pytest -s`, which captures nothing, whatever it prints.

`tests/integration/hostile/test_canary.py` has a relay that sings at each of these places, and sees the test go red.
"""

from __future__ import annotations

import re
import smtplib
import sys
from pathlib import Path
from typing import Any, TextIO

import pytest

from lab.words import SHORTEST, Words

WORD = b"kanarienvogel7"

_SUBJECT = re.compile(rb"(?mi)^subject:[ \t]*([^\r\n]+(?:\r\n[ \t][^\r\n]+)*)")
_EOL = re.compile(rb"\r?\n")
_NOTICE = re.compile(rb"Reporting-MTA: dns; relay\.")
_SYNTAX = re.compile(rb"[\w-]+[:=][\w.\"/;-]*|(?i:</?(?:!doctype|html|head|body)\b[^<>]{0,60}>)")
_MOST = 40
_known = Words()
_known.add(WORD)


def sent(content: bytes) -> None:
    """Remember what must be seen nowhere: the subject and some long lines of the body, but for addresses."""
    head, _, body = _EOL.sub(b"\r\n", content[:200_000]).partition(b"\r\n\r\n")
    lines = [line.strip() for line in body.split(b"\r\n")[: 10 * _MOST]]
    if subject := _SUBJECT.search(head + b"\r\n"):
        lines.insert(0, subject[1].strip())
    for line in [line[:200] for line in lines if len(line) >= SHORTEST and not _ordinary(line)][:_MOST]:
        _known.add(line)


def _ordinary(line: bytes) -> bool:
    """What stands in any log, notice or page: an address, a boundary, a field, a page's frame, one letter."""
    return (
        b"@" in line
        or line.startswith(b"--")
        or b": " in line
        or _SYNTAX.fullmatch(line) is not None
        or len(set(line)) < 6
    )


def listen() -> None:
    """Have smtplib, with which some tests send, tell what it sends and what it is answered."""
    data, getreply = smtplib.SMTP.data, smtplib.SMTP.getreply

    def telling_data(self: smtplib.SMTP, content: str | bytes) -> tuple[int, bytes]:
        sent(content.encode("ascii") if isinstance(content, str) else content)
        return data(self, content)

    def telling_reply(self: smtplib.SMTP) -> tuple[int, bytes]:
        code, text = getreply(self)
        assert_unheard(text, "a reply")
        return code, text

    smtplib.SMTP.data, smtplib.SMTP.getreply = telling_data, telling_reply  # type: ignore[method-assign, assignment]  # patched


def overhear(*, captured: bool) -> None:
    """Hear what tests take out of what they have printed, and, where nothing is captured, what they print."""
    readouterr = pytest.CaptureFixture.readouterr

    def heard(self: pytest.CaptureFixture[Any]) -> Any:  # noqa: ANN401  text or octets
        said = readouterr(self)
        for text in said:
            assert_unheard(text if isinstance(text, bytes) else _octets(text), "what the test has read of its output")
        return said

    pytest.CaptureFixture.readouterr = heard  # type: ignore[method-assign]  # patched
    if not captured:
        sys.stdout, sys.stderr = _Heard(sys.stdout), _Heard(sys.stderr)


class _Heard:
    """A stream of this process; what sings is not written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        assert_unheard(_octets(text), "what the test prints")
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  the stream's
        return getattr(self._stream, name)


def _octets(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


class Sings(Exception):
    """A canary was found where none may be."""


def assert_unheard(data: bytes, where: object) -> None:
    """No canary stands in it."""
    if singing := _known.found_in(data):
        raise Sings(f"{where} holds what stood in a mail: {sorted(singing)[:3]}")


def is_notice(content: bytes) -> bool:
    """A relay of the lab wrote it."""
    return _NOTICE.search(content[:20_000]) is not None


def take(mailbox: Path) -> list[bytes]:
    """The mails in this maildir, which is emptied; a notice among them says nothing."""
    files = sorted((mailbox / "new").iterdir())
    mails = [file.read_bytes() for file in files]
    for file, mail in zip(files, mails, strict=True):
        file.unlink()
        if is_notice(mail):
            assert_unheard(mail, "a notice")
    return mails


def assert_silent(folder: Path) -> None:
    """No canary in any file below."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        assert_unheard(file.read_bytes(), file.relative_to(folder))
