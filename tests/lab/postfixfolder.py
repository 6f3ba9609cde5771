"""Configuration folders of Postfix as they are found: odd, and read by real postconf."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

FILES = ("main.cf", "master.cf")


def state(folder: Path) -> dict[str, tuple[bytes, int, int, int]]:
    """Every file of the folder: its octets, mode and owner."""
    found = {path.name: (path.read_bytes(), path.stat()) for path in folder.iterdir()}
    return {name: (octets, stat.st_mode, stat.st_uid, stat.st_gid) for name, (octets, stat) in found.items()}


def value(folder: Path, *words: str) -> str:
    for name in FILES:
        os.utime(folder / name, (0, 0))  # postconf waits for two seconds where a file is younger than that
    return subprocess.run(
        ["postconf", "-c", str(folder), *words], capture_output=True, text=True, check=True
    ).stdout.strip()


def append(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with (folder / name).open("a") as file:
            file.write(text)

    return change


def cut_newlines(folder: Path) -> None:
    for name in FILES:
        (folder / name).write_bytes((folder / name).read_bytes().rstrip(b"\n"))


def carriage_returns(folder: Path) -> None:
    (folder / "main.cf").write_bytes((folder / "main.cf").read_bytes().replace(b"\n", b"\r\n"))


def private(folder: Path) -> None:
    (folder / "main.cf").chmod(0o600)
    os.chown(folder / "main.cf", -1, 1 if os.geteuid() == 0 else max([os.getgid(), *os.getgroups()]))


def latin_1(folder: Path) -> None:
    (folder / "main.cf").write_bytes((folder / "main.cf").read_bytes() + b"# \xe9t\xe9\n")


ODD: dict[str, Callable[[Path], None]] = {
    "as packaged": lambda _folder: None,
    "no newline at the end": cut_newlines,
    "CRLF": carriage_returns,
    "readable by its owner alone": private,
    "several lines for one setting": append("main.cf", "mynetworks =\n    127.0.0.0/8\n# the lab\n\n    10.0.0.0/8\n"),
    "a comment at the end": append("main.cf", "# content_filter = scan:[127.0.0.1]:10024\n\n\n"),
    "a service at the end": append("master.cf", "policy unix - n n - 0 spawn\n  user=nobody\n  argv=/bin/true\n"),
    "aliases mapped already": append("main.cf", "receive_override_options = no_address_mappings\n"),
    "Latin-1": latin_1,
}
