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


def without_bcc(content: bytes) -> bytes:
    """As the relay passes it on."""
    head = headers.split(content)
    kept = b"".join(field.raw for field in head.fields if field.name not in {"bcc", "resent-bcc"})
    return kept + content[sum(len(field.raw) for field in head.fields) :]
