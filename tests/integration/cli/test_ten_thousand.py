"""Ten thousand correspondents at once: `keys import` on a terminal, as an administrator calls it."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pysequoia
import pytest
from lab.certificates import fingerprint, join, make_keypair, split
from lab.relay import PROGRAM, Relay
from lab.terminal import on_a_terminal
from lab.waiting import wait_for

from relay.mail.armor import enarmor

SHORT, COUNT = 5_000, 10_000
SECONDS = 60
"""For either: of the short version no machine of CI takes so long; the other is what is promised."""
EXPIRED, REVOKED = "the key has expired", "the key is revoked"


def made(number: int) -> tuple[bytes, str | None]:
    """A certificate, and why it is not usable: one in ten has expired, one in ten is revoked."""
    name = f"Person {number} <person{number}@ville.example>"
    match number % 10:
        case 3:
            return public(name, validity_seconds=1), EXPIRED
        case 7:
            pair = make_keypair(name)
            primary, *rest = split(pair.public)
            return join([primary, (2, pair.revocation), *rest]), REVOKED
        case _:
            return public(name), None


def public(name: str, validity_seconds: int | None = None) -> bytes:
    return bytes(pysequoia.Tsk.generate(name, validity_seconds=validity_seconds).extract_certificate())


def percents(shown: str) -> list[int]:
    """Where the bar stood, each time it stood elsewhere."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    return [int(told) for told in dict.fromkeys(re.findall(r"importing \D*(\d+)%", plain))]


@pytest.mark.alone
@pytest.mark.timeout(600)  # making and listing them included
@pytest.mark.parametrize("count", [SHORT, pytest.param(COUNT, marks=pytest.mark.slow)])
def test_ten_thousand_certificates_are_imported_and_each_judged_in_less_than_a_minute(
    count: int, site: Relay, tmp_path: Path
) -> None:
    expected = {fingerprint(blob): (blob, why) for blob, why in map(made, range(count))}
    made_at = time.time()
    file = tmp_path / "all.asc"
    file.write_bytes(enarmor(b"".join(blob for blob, _ in expected.values()), "PUBLIC KEY BLOCK"))

    wait_for(lambda: time.time() > made_at + 1.1, "the last one that expires has")
    begun = time.monotonic()
    shown, status = on_a_terminal([PROGRAM, "-c", site.file, "keys", "import", file])
    took = time.monotonic() - begun
    steps = percents(shown)
    print(f"{count} certificates in {took:.1f} s; the bar at {steps}")

    assert status == 0, shown[-2000:]
    assert f"{count} imported, 0 updated, 0 unchanged, 0 refused" in shown
    assert shown.count(f"not usable: {EXPIRED}") == shown.count(f"not usable: {REVOKED}") == count // 10
    assert steps == sorted(steps)
    assert len(steps) > 10
    listed = {key["fingerprint"]: key for key in json.loads(site.run("keys", "list", "--json").stdout)}
    assert {name: key["reason"] for name, key in listed.items()} == {name: why for name, (_, why) in expected.items()}
    assert sum(key["usable"] for key in listed.values()) == count * 8 // 10
    assert took < SECONDS
