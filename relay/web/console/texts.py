"""The console's texts, in English and French, by their keys. A test compares them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files


def _read(language: str) -> Mapping[str, str]:
    return tomllib.loads(files("relay.web.console").joinpath("words", f"{language}.toml").read_text("utf-8"))


TEXTS: Mapping[str, Mapping[str, str]] = {language: _read(language) for language in ("en", "fr")}
