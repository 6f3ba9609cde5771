"""Postfix's programs, and what is in its queue: a program that hangs or prints without end ends no command."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.admin.postfix import folder
from relay.admin.postfix.queue import queued
from relay.model.errors import PostfixError
from relay.process import postqueue

MAIL = '{"queue_name": "hold", "queue_id": "4AAAA1", "sender": "a@h.example", "recipients": []}'


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the first postqueue is found."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "postqueue"


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_each_line_is_a_mail(programs: Path) -> None:
    write(programs, f"echo '{MAIL}'")
    assert [mail["queue_id"] for mail in queued(None)] == ["4AAAA1"]


def test_a_hanging_postqueue_hangs_no_command(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "SECONDS", 0.5)
    write(programs, "sleep 1000")
    with pytest.raises(PostfixError, match=r"postqueue -j: no end within 0\.5 s"):
        queued(None)


def test_a_postqueue_that_prints_without_end_took_all_memory(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postqueue, "LARGEST", 1 << 20)
    write(programs, f"exec yes '{MAIL}'")
    with pytest.raises(PostfixError, match="postqueue -j: it prints more than 1 MiB"):
        queued(None)


@pytest.mark.parametrize("printed", ["mail queue is empty", "[]", "{}", f"{MAIL}\n\n", f"{MAIL}\n{MAIL}\n{MAIL}"])
def test_what_cannot_be_read_is_no_queue(programs: Path, monkeypatch: pytest.MonkeyPatch, printed: str) -> None:
    """The last one is more mails than are read."""
    monkeypatch.setattr(postqueue, "MOST_MAILS", 2)
    write(programs, f"cat <<'END'\n{printed}\nEND")
    with pytest.raises(PostfixError, match="what postqueue prints cannot be read"):
        queued(None)


def test_what_a_program_says_that_fails_is_told_in_part(programs: Path) -> None:
    write(programs, "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1")
    with pytest.raises(PostfixError, match=r"postqueue -j: x{2000}$"):
        queued(None)
