"""`status` reads the place of the keyring without reading the configuration: both have to find the same one."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.admin.status import keyring_of
from relay.config import load
from relay.model.errors import ConfigError

PIECES = [
    *("keyring: /var/lib/keyring", "keyring: keys", "keyring:   keys # here", "keyring: 'two words'", 'keyring: "k"'),
    *("keyring: two words", "'keyring': k", '"keyring": k', "keyring: k#1", "keyring: schlüssel", "keyring : k"),
    *("keyring: &a k", "keyring: !!str k", "keyring: |\n  k", "keyring:\n  k", "keyring: [k]", 'keyring: "a\\tb"'),
    *("keyring: 'it''s'", "keyring: k: l", "keyring: @k", "keyring: -", "keyring: null", "keyring: 5", "keyring:"),
]
AROUND = [
    *("policy: []", "# keyring: elsewhere", "lookup:\n  sources: [keyring]", "hostname: h", "shadow: false", ""),
    *("notices:\n  contact: 'the keyring: ask'", "policy: []\nkeyring: another", "---", "  keyring: inside"),
]
FLOW = ["{policy: [], keyring: k}", '{"policy": [], "keyring": "k"}', "  policy: []\n  keyring: k\n"]


def texts() -> list[str]:
    made = random.Random(7)  # noqa: S311  repeatable, no secret
    mixed = ["\n".join(made.sample([made.choice(PIECES), *made.sample(AROUND, 3)], 4)) + "\n" for _ in range(1500)]
    return [*mixed, *FLOW, *(f"policy: []\n{piece}\n" for piece in PIECES)]


def test_it_finds_the_keyring_that_the_configuration_has(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    file = tmp_path / "config.yaml"
    right = wrong = 0
    for text in texts():
        file.write_text(text)
        try:
            meant = load(file).keyring
        except ConfigError:
            wrong += 1
            continue
        right += 1
        assert keyring_of(file, text.encode()) == meant, text
    record_property("counted", f"{right} configurations, {wrong} more that are wrong")
    assert right > 150
    assert wrong > 150


@pytest.mark.parametrize(
    "text", ["keyring: keys\npolcy: []\n", "keyring: keys\npolicy: [\n", "keyring: keys\n\tx: 1\n"]
)
def test_a_configuration_that_is_wrong_elsewhere_still_names_it(text: str, tmp_path: Path) -> None:
    assert keyring_of(tmp_path / "config.yaml", text.encode()) == tmp_path / "keys"
