"""The first configuration: a few answers written into the sample, or into the file that is there.

`configured` is pure; `write` replaces the file in one step, and only by one that `relay.config` takes.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import relay
from relay.admin import files
from relay.config import load, yaml_tree
from relay.config.edit import with_values
from relay.config.yaml_tree import Value
from relay.model.errors import ConfigError, Fault

EXAMPLE_DOMAIN = "hopital.example"
_DEFAULT_SENDER = "postmaster@localhost"
_SAMPLES = (Path(relay.__file__).parent / "config" / "sample.yaml", Path(relay.__file__).parent.parent / "config.yaml")


@dataclass(frozen=True, slots=True)
class Answers:
    """An administrator's answers about the site."""

    domain: str
    """The site's own mail domain."""
    internet: bool
    """Whether the server may ask other domains for keys: DNS, and TCP 443 outwards."""
    contact: str | None
    """Whom senders ask, as notices say it. An address in it gets the daily report."""
    language: str
    """Of notices: `en` or `fr`."""
    signer: str | None
    """The fingerprint of the key that signs; None leaves the setting as it is."""


def starting_text(path: Path) -> str:
    """The file's text, or the sample's where there is no file. Raises `ConfigError`."""
    try:
        if path.exists():
            return path.read_text("utf-8")
        return next(sample for sample in _SAMPLES if sample.exists()).read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise ConfigError((Fault(str(path), 0, f"cannot be read: {type(error).__name__}"),)) from None


def signs(text: str) -> bool:
    """Whether it names a key that signs."""
    sign = yaml_tree.read(text.encode(), "").values.get("sign")
    return isinstance(sign, dict) and sign.get("default") is not None


def configured(text: str, answers: Answers) -> str:
    """The text with the answers in it. The sample's domain gives way to the site's, in comments too."""
    values: dict[str, Value] = {"notices.language": answers.language}
    if not answers.internet:
        values["lookup.sources"] = ["keyring"]
    if answers.contact is not None:
        values["notices.contact"] = answers.contact
    if answers.signer is not None:
        values["sign.default"] = answers.signer
    if _DEFAULT_SENDER in text:
        values["notices.from"] = f"postmaster@{answers.domain}"
    return with_values(text.replace(EXAMPLE_DOMAIN, answers.domain), values)


def write(path: Path, text: str) -> None:
    """Put it in the file's place. Raises `ConfigError` where it is no configuration, or cannot be written."""
    try:
        _assure(path, text)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o644)
        files.replace(path, text.encode())
    except OSError as error:
        raise ConfigError((Fault(str(path), 0, f"cannot be written: {error.strerror}"),)) from None


def _assure(path: Path, text: str) -> None:
    """Check that the text is valid, by a file in the same folder, since relative paths begin there."""
    there = path.parent if path.parent.is_dir() else None
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".yaml", dir=there) as trial:
        trial.write(text)
        trial.flush()
        try:
            load(Path(trial.name))
        except ConfigError as error:
            faults = tuple(Fault(str(path), fault.line, fault.message) for fault in error.faults)
            raise ConfigError(faults) from None
