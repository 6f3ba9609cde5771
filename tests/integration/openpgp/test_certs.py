"""The oracle: real certificates, and what six implementations do with them (`../shared/certs/README.md`)."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from lab.gnupghome import gnupg_home, gpg
from lab.shared import CERTS, FORGED, WHY_NOT, Row, needs_certs, octets, public_half, table

from relay.mail import packets
from relay.model import Address, Certificate, Unreadable, Why
from relay.model.errors import EngineError
from relay.openpgp.completion import NO_USER_ID
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG

pytestmark = needs_certs

WEAK = {
    "bre-samples/carol.pgp": ("DSA of 3072 bits", "ElGamal of 3072 bits"),
    "rpgp-interop/gnupg-v1-001.asc": (
        "DSA of 1024 bits",
        "ElGamal of 4096 bits",
        "SHA-1 self-signature",
        "SHA-1 subkey binding",
    ),
    "rpgp-interop/gnupg-v1-003.asc": ("SHA-1 self-signature", "SHA-1 subkey binding"),
    "rpgp-interop/pgp-6-5-001.asc": (
        "DSA of 1024 bits",
        "ElGamal of 2048 bits",
        "SHA-1 self-signature",
        "SHA-1 subkey binding",
        "no key flags",
    ),
}

CASES: dict[int, tuple[Why | str | None, ...]] = {
    1: (Why.NO_ENCRYPTION,),
    2: (Why.INVALID, Why.NO_ENCRYPTION),
    3: (Why.INVALID, Why.NO_ENCRYPTION),
    4: (Why.NO_ENCRYPTION,),
    5: (Why.NO_ENCRYPTION, Why.NO_ENCRYPTION),
    6: (Why.REVOKED,),
    7: (Why.SUBKEY_REVOKED,),
    8: (NO_USER_ID,),
    9: (None,),
    10: (Why.EXPIRED,),
    11: (Why.EXPIRED,),
    12: (Why.EXPIRED,),
    13: (Why.EXPIRED,),
    14: (Why.EXPIRED,),
    15: (Why.NO_ENCRYPTION,),
}

rows = pytest.mark.parametrize("row", table(), ids=lambda row: row.file)


async def verdict_on(row: Row) -> Certificate | Unreadable:
    [verdict] = await GnuPGExaminer().examine([public_half(octets(row.path))])
    return verdict


def test_the_table_was_understood() -> None:
    assert len(table()) >= 38
    assert sum(row.gpg22 for row in table()) >= 13
    assert set(WHY_NOT) | set(WEAK) <= {row.file for row in table()}


@rows
async def test_the_verdict_is_the_table_s_and_its_reason_is_the_right_one(row: Row) -> None:
    verdict = await verdict_on(row)
    why = verdict.reason if isinstance(verdict, Unreadable) else verdict.fault or verdict.unusable(time.time())
    assert (why is None) is row.gpg22
    assert why == WHY_NOT.get(row.file)


@rows
async def test_the_engine_encrypts_exactly_to_the_usable_ones(row: Row) -> None:
    verdict = await verdict_on(row)
    with gnupg_home() as home:
        if isinstance(verdict, Unreadable) or not row.gpg22:
            if isinstance(verdict, Certificate):
                with pytest.raises(EngineError):
                    await GnuPG(home).encrypt(b"x", [verdict], None)
            return
        message = await GnuPG(home).encrypt(b"x", [verdict], None)
    [named] = [packets.pkesk_key_id(packets.body(message, p)) for p in packets.walk(message) if p.tag == packets.PKESK]
    assert named in {component.key_id for component in verdict.encryption_components(time.time())}


@rows
def test_gpg_by_hand_agrees(row: Row) -> None:
    """Each certificate as it was published, not as we normalised it."""
    with gnupg_home() as home, tempfile.NamedTemporaryFile() as file:
        file.write(public_half(octets(row.path)))
        file.flush()
        done = gpg(home, "--trust-model", "always", "-f", file.name, "-e", content=b"x", check=False)
    assert (done.returncode == 0) is row.gpg22


@rows
async def test_weak_ones_are_named(row: Row) -> None:
    verdict = await verdict_on(row)
    if isinstance(verdict, Certificate) and row.gpg22:
        assert set(verdict.weaknesses(time.time())) == set(WEAK.get(row.file, ()))


@rows
async def test_addresses_are_those_of_its_user_ids(row: Row) -> None:
    verdict = await verdict_on(row)
    if isinstance(verdict, Certificate):
        told = {Address(text) for text in re.findall(r"<([^\s<>;]+@[^\s<>;]+)>", row.user_ids)}
        assert told <= set(verdict.shown_addresses)
        assert told - FORGED <= set(verdict.addresses) or verdict.fault


@pytest.mark.parametrize("name", ["uid-001.asc", "uid-003.asc"])
async def test_a_user_id_that_its_key_never_signed_binds_no_address(name: str) -> None:
    [verdict] = await GnuPGExaminer().examine([octets(CERTS / "rpgp-interop" / name)])
    assert isinstance(verdict, Certificate)
    assert verdict.addresses == (Address("good@user.id"),)
    assert verdict.shown_addresses == (Address("good@user.id"), Address("bad@user.id"))
    assert verdict.unusable(time.time(), Address("bad@user.id")) is Why.USER_ID_INVALID


@pytest.mark.parametrize("number", CASES)
async def test_keys_with_bad_signatures_are_judged_as_their_authors_say(number: int) -> None:
    ring = octets(CERTS / "rnp-validity" / f"case{number}" / "pubring.gpg")
    verdicts = await GnuPGExaminer().examine(packets.split_certificates(ring))
    why = tuple(v.unusable(time.time()) if isinstance(v, Certificate) else v.reason for v in verdicts)
    assert why == CASES[number]


def test_sq_derives_the_same_public_half(tmp_path: Path) -> None:
    for row in table():
        if row.file.endswith("tsk.asc") and "/v4" in row.file:
            derived = subprocess.run(
                ["sq", "key", "extract-cert", "-B", str(row.path)], capture_output=True, check=True
            )
            (tmp_path / "cert").write_bytes(derived.stdout)
            ours = [
                (p.tag, packets.body(data, p)) for data in [public_half(octets(row.path))] for p in packets.walk(data)
            ]
            assert ours == [(p.tag, packets.body(derived.stdout, p)) for p in packets.walk(derived.stdout)]
