"""Runs a program and stays the parent of all that it leaves behind: `python bench/reaper.py PROGRAM WORDS…`.

Daemons and orphans become its children (PR_SET_CHILD_SUBREAPER, prctl(2)), so that their processor time is counted in
one place. It ends when the last one has.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

_SUBREAPER = 36


def main() -> None:
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    subprocess.run(sys.argv[1:], check=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    main()
