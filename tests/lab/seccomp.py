"""A program under a unit's system call filter, as systemd.exec(5) reads `SystemCallFilter` and seccomp(2) holds it.

`python seccomp.py FILE PROGRAM WORD...` loads the filter that allows the calls named in FILE, answers all others with
EPERM, and becomes the program; `allowed(unit)` are the names for FILE. Nothing but the standard library is imported.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

_ALLOW = 0x7FFF_0000
_EPERM = 0x0005_0000 | errno.EPERM


def allowed(unit: Path) -> set[str]:
    """The names of the system calls that are left; lists beginning with `~` take away from those before."""
    names: set[str] = set()
    for line in unit.read_text().splitlines():
        key, _, value = line.partition("=")
        if key == "SystemCallFilter":
            calls = {name for word in value.removeprefix("~").split() for name in _expanded(word)}
            names = names - calls if value.startswith("~") else names | calls
    return names | _expanded("@default")


def _expanded(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", word], capture_output=True, text=True, check=True
    )
    members = [line.strip() for line in done.stdout.splitlines()[1:]]
    return {name for member in members if member and member[0] != "#" for name in _expanded(member)}


def load(names: list[str]) -> None:
    """For this process and all that it starts, for ever."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_EPERM)))
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0 and library.seccomp_rule_add(context, ctypes.c_uint32(_ALLOW), number, 0):
            raise OSError(name)
    if library.seccomp_load(context):
        raise OSError("no filter")


if __name__ == "__main__":
    load(Path(sys.argv[1]).read_text().split())
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  the program, and no shell
