"""Keys as Thunderbird, K-9, GnuPG, Mailvelope and Proton make and send them are read, judged and harvested."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from lab.harvest_mails import received
from lab.hospital import DR, Hospital
from lab.key_programs import PROGRAMS, Sample
from lab.openpgpjs import needs_openpgpjs
from lab.waiting import wait_for

from relay.keys import narrowing
from relay.mail import carried_keys, headers
from relay.model import Address, Certificate
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.sequoia.examiner import SequoiaExaminer
from relay.pipeline.ports import Examiner

pytestmark = needs_openpgpjs
EXAMINERS: list[Examiner] = [GnuPGExaminer(), SequoiaExaminer()]


def address(program: str) -> Address:
    return Address(f"bob@{program.lower().replace(', ', '-')}.example")


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    return {program: make(address(program).text) for program, make in PROGRAMS.items()}


@pytest.mark.parametrize("program", PROGRAMS)
async def test_the_key_is_read_and_can_be_used(samples: dict[str, Sample], program: str) -> None:
    sample, bob = samples[program], address(program)
    head = headers.split(f"From: <{bob.text}>\r\nAutocrypt: {sample.field}\r\n\r\n".encode())
    in_field = carried_keys.of_header(head, bob) if sample.field else None
    (attached,) = carried_keys.of_body(f"From: <{bob.text}>\r\nMIME-Version: 1.0\r\n".encode() + sample.carrier)
    found = {attached, in_field} - {None}
    assert found == sample.keys
    for examiner in EXAMINERS:
        for key in sample.keys:
            (whole,) = await examiner.examine([key])
            assert isinstance(whole, Certificate)
            (cut,) = await narrowing.narrow([whole], bob, examiner)
            assert isinstance(cut, Certificate)
            assert cut.unusable(time.time(), bob) is None


def test_the_keys_of_all_programs_are_harvested(samples: dict[str, Sample]) -> None:
    with Hospital("sequoia", {"harvest": {"from": ["autocrypt", "attached"]}}) as hospital:
        for hours in (-13, 12):
            for program, sample in samples.items():
                bob = address(program).text
                field = f"Autocrypt: {sample.field}\r\n" if sample.field else ""
                rest = f"{field}MIME-Version: 1.0\r\n".encode() + sample.carrier
                (answer,) = hospital.send(received(bob, rest, hours), DR, sender=bob)
                assert answer.startswith("250"), answer
        wait_for(lambda: outcomes(hospital)["proposed"] == len(PROGRAMS), "all are proposed")


def outcomes(hospital: Hospital) -> Counter[str]:
    return Counter(event["result"] for event in hospital.relay.events if event["event"] == "harvested")
