"""The real messages beside the repository (`../shared/corpus`), as a client would send them: lines end with CRLF."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
