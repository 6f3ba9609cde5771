"""What tests have counted stands at the end of a run, also of one with several processes that captured it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ONE = 'def test_one(record_property):\n    record_property("counted", "2 encrypted, 1 passed")\n'


def test_what_a_passing_test_has_counted_is_shown(tmp_path: Path) -> None:
    shutil.copy(TESTS / "conftest.py", tmp_path)
    (tmp_path / "test_one.py").write_text(ONE)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {TESTS}\n")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stdout
    assert "\nCounted: 2 encrypted, 1 passed\n" in done.stdout
