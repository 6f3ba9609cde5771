"""examples/cluster by the commands of its page, word for word: PostgreSQL with its replica, two Postfix, two relays.

It takes most of a minute: five machines are started, and two of them lose their power.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from lab.postgresql import programs

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cluster"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/usr/sbin/postfix").exists() or programs() is None or not shutil.which("ip"),
    reason="needs root, iproute2, Postfix and PostgreSQL",
)


def read(printed: Path) -> str:
    return printed.read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """A cluster of the test's own, which is gone at the end whatever happens."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    settings = {"PATH": path, "LANG": "C.UTF-8", "HOME": "/root", "CLUSTER": f"/tmp/c{uuid4().hex[:6]}"}  # noqa: S108  short
    yield settings
    subprocess.run([EXAMPLE / "cluster", "down"], env=settings, check=True)


@pytest.mark.timeout(700)
def test_the_cluster_does_what_its_page_says(environment: dict[str, str], tmp_path: Path) -> None:
    commands = "\n".join(BLOCK.findall((EXAMPLE / "README.md").read_text(encoding="utf-8")))
    printed = tmp_path / "printed"
    with printed.open("wb") as file:  # a pipe would stay open in the daemons
        try:
            done = subprocess.run(
                ["bash", "-eu", "-o", "pipefail", "-c", commands],
                cwd=EXAMPLE,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=500,
            )
        except subprocess.TimeoutExpired:
            pytest.fail(f"no end:\n{read(printed)}")
    told = read(printed)
    assert done.returncode == 0, told
    mails = re.findall(r"Le compte rendu, par (mx\d)\.", told)
    assert mails[:2] in (["mx1", "mx2"], ["mx2", "mx1"]), told
    assert sorted(mails[2:]) == ["mx1", "mx1", "mx2", "mx2"], "each once, over a failover and a lost node"
    assert not Path(environment["CLUSTER"]).exists()
