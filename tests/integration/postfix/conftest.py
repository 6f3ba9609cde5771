from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lab.postfix import PACKAGED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "postfix"
    made.mkdir()
    shutil.copy(PACKAGED / "main.cf.debian", made / "main.cf")
    shutil.copy(PACKAGED / "master.cf.dist", made / "master.cf")
    return made
