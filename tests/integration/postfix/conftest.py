from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from lab.postfix import PACKAGED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "postfix"
    made.mkdir()
    for packaged, name in (("main.cf.debian", "main.cf"), ("master.cf.dist", "master.cf")):
        shutil.copy(PACKAGED / packaged, made / name)
        os.utime(made / name, (0, 0))  # postconf waits for two seconds where a file is younger than that
    return made
