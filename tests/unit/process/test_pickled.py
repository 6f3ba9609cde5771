"""Values between our equals: what is sent comes, and a document that the other end has is not sent."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.process import pickled
from relay.process.ipc import Frame
from relay.process.pickled import LONG, packed, unpacked

DOCUMENT = b"d" * (3 * LONG)


@dataclass(frozen=True)
class Mail:
    content: bytes
    others: tuple[bytes, ...]


def test_long_octets_travel_beside_and_a_held_document_not_at_all() -> None:
    mail = Mail(DOCUMENT, (b"short", b"e" * LONG))
    whole = packed(mail)
    assert whole[1:] == [DOCUMENT, mail.others[1]]
    assert len(whole[0]) < 1000
    assert unpacked(Frame({}, tuple(whole))) == mail

    named = packed(mail, held=DOCUMENT)
    assert named[1:] == [mail.others[1]]
    assert unpacked(Frame({}, tuple(named)), held=DOCUMENT) == mail


def test_octets_that_only_equal_the_document_are_sent() -> None:
    twin = bytes(bytearray(DOCUMENT))
    assert packed(twin, held=DOCUMENT)[1:] == [twin]


def test_a_document_that_is_not_held_is_missed() -> None:
    with pytest.raises(pickle.UnpicklingError):
        unpacked(Frame({}, tuple(packed(DOCUMENT, held=DOCUMENT))))


def test_values_are_packed_only_between_the_relays_own_processes() -> None:
    """A process that speaks with strangers sends words and octets; nothing that it says is unpickled."""
    source = Path(pickled.__file__).parents[1]
    importers = {
        ".".join(file.relative_to(source).with_suffix("").parts)
        for file in source.rglob("*.py")
        if re.search(
            r"^from relay\.process import .*\bpickled\b|relay\.process\.pickled import", file.read_text(), re.MULTILINE
        )
    }
    assert importers == {
        "daemon.role",
        "daemon.worker",
        "daemon.worker_handle",
        "process.pool_worker",
        "process.worker_process",
    }
    code = "import sys, relay.keys.wkd.fetch_process, relay.keys.wkd.fetcher; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "relay.process.ipc" in loaded
    assert "relay.process.pickled" not in loaded
    assert [str(f) for f in source.rglob("*.py") if re.search(r"^import pickle\b", f.read_text(), re.MULTILINE)] == [
        pickled.__file__
    ]
