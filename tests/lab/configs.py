"""A configuration for a test: the defaults, one rule, and what the test says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from relay.config import Config, load


def config(folder: Path, **settings: Any) -> Config:  # noqa: ANN401  whatever YAML holds
    """Written to a file and read as the program reads it."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump({"policy": [{"name": "everyone", "encrypt": "preferred"}], **settings}))
    return load(file)
