"""The real messages beside the repository (`../shared/corpus`), as a client would send them: lines end with CRLF."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay.mail import headers

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not there")

_MAIL = frozenset({".eml", ".msg", ".mbox", ""})
_LINE_END = re.compile(rb"\r\n|\r|\n")


def raw() -> dict[str, bytes]:
    """Each message as it lies there; nothing where the folder is not."""
    paths = sorted(path for path in CORPUS.glob("*/*") if path.is_file() and path.suffix in _MAIL)
    return {str(path.relative_to(CORPUS)): path.read_bytes() for path in paths if "LICENSE" not in path.name}


def sent() -> dict[str, bytes]:
    """Each message with CRLF and without NUL: what the relay may be handed."""
    return {name: _LINE_END.sub(b"\r\n", content).replace(b"\0", b"") for name, content in raw().items()}


def ended(content: bytes) -> bytes:
    """A message ends with CRLF on the wire, however the file ends."""
    return content if content.endswith(b"\r\n") else content + b"\r\n"


_NAMING = frozenset({"x-apparently-to", "x-original-to", "x-pop3-rcpt"})
"""The fields of the corpus that name recipients: they go where To and Cc do not name these."""


def is_passed_on(content: bytes, passed: bytes) -> bool:
    """Whether this, behind our Received line, is `content` less Bcc and fields that name recipients."""
    if content.startswith((b" ", b"\t")):  # no part of our Received line, but the body
        return passed == b"\r\n" + content
    kept = [field.raw for field in headers.split(passed).fields]
    expected = [
        field
        for field in headers.split(content).fields
        if field.name not in {"bcc", "resent-bcc"} and (field.name not in _NAMING or field.raw in kept)
    ]
    after = content[sum(len(field.raw) for field in headers.split(content).fields) :]
    return passed == b"".join(field.raw for field in expected) + after


CASES = CORPUS.parent / "cases"

needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not there")


def case(name: str) -> bytes:
    """One of the inputs that failed."""
    return (CASES / name).read_bytes()
