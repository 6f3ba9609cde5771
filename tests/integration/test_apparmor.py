"""The AppArmor profile we hand out: AppArmor compiles it, and it agrees with the unit. The kernel gets none of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROFILE = ROOT / "examples" / "apparmor" / "pgp-relay"
UNIT = (ROOT / "examples" / "systemd" / "pgp-relay.service").read_text()

FEATURES = "/etc/apparmor.d/abi/3.0"
"""For a kernel with these, whatever the one here has."""


def parsed(profile: Path) -> subprocess.CompletedProcess[str]:
    words: list[str | Path] = [
        "apparmor_parser",
        "--skip-kernel-load",
        "--skip-cache",
        "--Werror",
        "--features-file",
        FEATURES,
        profile,
    ]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def test_apparmor_compiles_it() -> None:
    done = parsed(PROFILE)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("old", "new"),
    [("signal (receive)", "signal (recieve)"), ("/etc/gcrypt/* r,", "/etc/gcrypt/* r"), ("base>", "no-such>")],
    ids=["word", "comma", "include"],
)
def test_a_fault_in_it_is_found(old: str, new: str, tmp_path: Path) -> None:
    wrong = tmp_path / "pgp-relay"
    wrong.write_text(PROFILE.read_text().replace(old, new, 1))
    assert parsed(wrong).returncode != 0


def test_it_only_complains_until_a_site_enforces_it() -> None:
    """A `deny` counts in complain mode too."""
    text = PROFILE.read_text()
    assert re.search(r"^profile pgp-relay flags=\(complain\b", text, re.MULTILINE)
    assert not re.search(r"^\s*(audit )?deny\b", text, re.MULTILINE)


def test_the_unit_names_it_and_starts_where_it_is_not_loaded() -> None:
    assert "\nAppArmorProfile=-pgp-relay\n" in UNIT


def test_it_allows_the_folders_of_the_unit() -> None:
    text = PROFILE.read_text()
    for setting, base in {"StateDirectory": "/var/lib", "RuntimeDirectory": "/run"}.items():
        found = re.search(rf"^{setting}=(.*)$", UNIT, re.MULTILINE)
        assert found
        assert re.search(rf"^\s*owner {base}/{found[1]}/\S*\*\*\S* rw", text, re.MULTILINE)
