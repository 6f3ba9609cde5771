"""A `gpg` that fails as it is told: a program of that name, alone in a folder that is the relay's whole PATH.

`do("")` is the real gpg. Some ways to fail need the real one's work first: it is run, and what it wrote is spoilt. One
that lies says with exit status 0 and in `--status-fd` that it signed and encrypted.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path

_SPOILER = Path(__file__).with_name("spoilt_gpg.py")
_REAL = shutil.which("gpg") or "/usr/bin/gpg"

_PROGRAM = """\
#!/bin/sh
read way < {folder}/way
case "$way" in
  once:*)
    way=${{way#once: }}
    case " $* " in *" --encrypt "*) /bin/mkdir {folder}/done 2>/dev/null || way="" ;; *) way="" ;; esac ;;
esac
case "$way" in
  "") exec {real} "$@" ;;
  exit2) exit 2 ;;
  hang) exec /bin/sleep 1000 ;;
  killed) kill -KILL $$ ;;
  "KILL at keys" | "ABRT at keys")
    case " $* " in *" --import /proc/"*) kill -"${{way%% *}}" $$ ;; *) exec {real} "$@" ;; esac ;;
  *) exec {python} -S {spoiler} "$way" {real} {folder}/other.pgp "$@" ;;
esac
"""

SPOILT = (
    "half",
    "half, killed",
    "status missing",
    "nothing",
    "garbage",
    "plaintext",
    "literal",
    "endless",
    "other key",
    "one key more",
    "clear behind",
    "text behind",
    "session key, then clear",
)
"""Ways that `lab.spoilt_gpg` knows: what gpg wrote, or said, is not what it should be."""


class BadGpg:
    """`folder` is the PATH; `do` says how the next calls go."""

    def __init__(self, folder: Path, other: bytes) -> None:
        self.folder = folder
        folder.mkdir()
        words = {"folder": folder, "real": _REAL, "python": sys.executable, "spoiler": _SPOILER}
        (folder / "gpg").write_text(_PROGRAM.format(**words))
        (folder / "gpg").chmod(0o755)
        (folder / "other.pgp").write_bytes(other)
        self.do("")

    def do(self, way: str) -> None:
        """From the next call on; `missing`: there is no such program; `once: half`: the next one that encrypts.

        `KILL at keys`, `ABRT at keys`: what judges certificates ends by this signal, unless it is given none.

        The relay looks at intervals whether gpg works at all, with a call of its own: that one is not meant.
        """
        with suppress(FileNotFoundError):
            (self.folder / "done").rmdir()
        fresh = self.folder / "way.new"
        fresh.write_text(f"{way}\n")
        fresh.rename(self.folder / "way")
        mode = 0o644 if way == "missing" else 0o755
        (self.folder / "gpg").chmod(mode)
