"""A certificate that a source has cut down is never judged more mildly than the whole: as gpg reads it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from lab.generated_certificates import SEED, generated
from lab.shared import CERTS
from lab.slapd import PEOPLE, Slapd, person_entry
from lab.wkd import WkdServer, asking

from relay.keys.ldap.server import Server
from relay.keys.ldap.source import Ldap
from relay.keys.learning_examiner import LearningExaminer
from relay.keys.merge_policy import MergePolicy
from relay.keys.narrowing import bounded, narrow
from relay.keys.wkd.fetcher import Fetcher
from relay.keys.wkd.port import Settings
from relay.keys.wkd.source import Wkd
from relay.model import Address, Certificate, Lookup, Origin, Unusable, Why
from relay.model.wkd_location import hashed
from relay.openpgp.examiner import GnuPGExaminer
from relay.store import Store

HAL = Address("hal@ville.example")
CASE = CERTS.parent / "cases" / "narrowed-expiry.pgp"
PRIVATE = "hal.private@ville.example"


async def by_wkd(folder: Path, octets: bytes, examiner: GnuPGExaminer) -> Lookup:
    place = folder / HAL.domain / "hu" / hashed(HAL.local.encode())
    place.parent.mkdir(parents=True)
    place.write_bytes(octets)
    async with WkdServer(folder) as server:
        places = server.connect_to(f"openpgpkey.{HAL.domain}")
        wkd = asking(examiner, ca_file=server.ca_file, connect_to=places, timeout=30)
        try:
            return await wkd.lookup(HAL)
        finally:
            await wkd.close()


async def by_ldap(_folder: Path, octets: bytes, examiner: GnuPGExaminer) -> Lookup:
    with Slapd() as directory:
        directory.add_root()
        directory.add(person_entry("hal", [HAL.text], octets))
        source = Ldap([Server(directory.url, base=PEOPLE, filter="(mail={address})", attribute="siteKey")], examiner)
        try:
            return await source.lookup(HAL)
        finally:
            await source.close()


@pytest.mark.skipif(not CASE.exists(), reason="needs ../shared/cases")
@pytest.mark.parametrize("way", [by_wkd, by_ldap])
async def test_an_expiry_that_stands_behind_another_user_id_counts(tmp_path: Path, way: Callable[..., object]) -> None:
    """Cut down to the address that was asked for, the key was usable for ever; gpg and sq call it expired."""
    answer = await way(tmp_path, CASE.read_bytes(), GnuPGExaminer())  # type: ignore[misc]  # one of the two
    assert isinstance(answer, Unusable)
    assert answer.why is Why.EXPIRED
    assert answer.certificate
    assert [str(address) for address in answer.certificate.addresses] == [HAL.text], "and the other stays outside"


@pytest.mark.skipif(not CASE.exists(), reason="needs ../shared/cases")
async def test_nor_is_it_milder_once_it_was_merged_with_what_the_store_has(tmp_path: Path) -> None:
    """For its second address it was merged with the first one's state, and what was found so was usable for ever."""
    async with await Store.open(tmp_path / "store.db") as store:
        policy = MergePolicy(store.certificates, GnuPGExaminer())
        for address in (HAL, Address(PRIVATE)):
            folder = tmp_path / address.local
            place = folder / address.domain / "hu" / hashed(address.local.encode())
            place.parent.mkdir(parents=True)
            place.write_bytes(CASE.read_bytes())
            async with WkdServer(folder) as server:
                settings = Settings.of(
                    ca_file=server.ca_file, connect_to=server.connect_to(f"openpgpkey.{HAL.domain}"), timeout=30
                )
                learning = LearningExaminer(GnuPGExaminer(), policy)
                wkd = Wkd(learning, Fetcher(settings), parts=GnuPGExaminer())
                answer = await wkd.lookup(address)
                await wkd.close()
            assert isinstance(answer, Unusable)
            assert answer.certificate
            await policy.keep(answer.certificate, Origin.WKD, address)
        (entry,) = await store.certificates.by_address(HAL)
        assert len(entry.certificate.addresses) == 2
        assert entry.certificate.unusable(time.time(), HAL) is Why.EXPIRED


async def test_no_generated_certificate_is_milder_once_it_is_cut_down_or_merged(
    record_property: Callable[[str, object], None],
) -> None:
    chance, examiner = Random(SEED), GnuPGExaminer()  # noqa: S311  a test
    read = await examiner.examine([generated(chance) for _ in range(60)])
    wholes = [one for one in read if isinstance(one, Certificate)]
    counted: Counter[str] = Counter()
    for address in sorted({a for one in wholes for a in one.shown_addresses}, key=str):
        shown = [one for one in wholes if address in one.shown_addresses]
        for whole, cut in zip(shown, await narrow(shown, address, examiner), strict=True):
            usable = whole.unusable(time.time(), address) is None
            counted["usable as a whole"] += usable
            if isinstance(cut, Certificate):
                counted["cut down"] += 1
                assert usable or cut.unusable(time.time(), address) is not None
                merged = await examiner.merge(cut.data, cut.data)  # the octets alone, read again
                assert isinstance(merged, Certificate)
                assert usable or bounded(merged, cut).unusable(time.time(), address) is not None
    assert counted["usable as a whole"] > 10
    record_property("counted", f"{len(wholes)} certificates: {dict(counted)}")
