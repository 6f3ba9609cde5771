"""The keys of an incoming mail are handed on; the mail goes on, whatever is in it and whatever becomes of them."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from lab.certificates import Keypair, make_keypair
from lab.fakes import inbound
from lab.incoming import MX, OUTER, IncomingBed
from structlog.testing import capture_logs

from relay.mail import armor
from relay.model import Address
from relay.model.harvest import CarriedKey, Outcome
from relay.pipeline.harvest import HarvestStep, KeyReader
from relay.pipeline.letter import Letter
from relay.process.pool import LARGE

BOB = Address("bob@out.example")
READER = KeyReader(frozenset({"autocrypt", "attached"}), frozenset({"hopital.example"}), MX)
RESULTS = f"Authentication-Results: {MX}; dkim=pass header.d=out.example header.s=s header.b=AAAA\r\n".encode()
SIGNATURE = b"DKIM-Signature: v=1; d=out.example; s=s; h=from:date:autocrypt; bh=x; b=AAAABBBB\r\n"
TOP = (
    RESULTS + OUTER.replace(b"example\r\nFrom", b"example;\r\n\tTue, 24 Nov 2026 12:00:00 +0000\r\nFrom", 1) + SIGNATURE
)


@dataclass
class Harvester:
    room: bool = True
    offered: list[CarriedKey] = field(default_factory=list)

    def offer(self, key: CarriedKey, mail: str) -> bool:
        assert mail
        self.offered.append(key)
        return self.room


class Broken(KeyReader):
    def read(self, content: bytes, letter: Letter, sender: Address | None) -> list[CarriedKey | Outcome]:
        del content, letter, sender
        raise ValueError("canary")


@pytest.fixture(scope="module")
def key() -> Keypair:
    return make_keypair(f"Bob <{BOB}>")


def autocrypt(key: Keypair) -> bytes:
    return b"Autocrypt: addr=bob@out.example; keydata=" + b64encode(key.public) + b"\r\n"


async def taken(bed: IncomingBed, content: bytes, sender: str | None = "bob@out.example") -> list[tuple[str, str]]:
    """What the log says of its keys; the mail has gone on."""
    attempt = bed.pipeline().begin(inbound("dr@hopital.example", content=content, sender=sender))
    with capture_logs() as logs:
        replies = await attempt.replies()
        await attempt.settle(delivered=True)
    assert [reply.code for reply in replies] == [250]
    assert bed.outlet.sent[-1][1].endswith(content)
    assert "canary" not in str(logs)
    told = [log for log in logs if log["event"] in {"harvested", "failed"}]
    return [(log["event"], log.get("result", log.get("error"))) for log in told]


@pytest.fixture
def bed(tmp_path: Path) -> IncomingBed:
    return IncomingBed(tmp_path)


@pytest.mark.parametrize("size", [0, LARGE])
async def test_its_keys_are_handed_on_also_those_of_a_large_mail(bed: IncomingBed, key: Keypair, size: int) -> None:
    harvester, other = Harvester(), make_keypair(f"<{BOB}>")
    bed.harvest = HarvestStep(READER, harvester)
    content = TOP + autocrypt(key) + b"\r\n" + armor.enarmor(other.public, "PUBLIC KEY BLOCK") + b"x" * size
    assert await taken(bed, content) == []
    assert [one.data for one in harvester.offered] == [other.public, key.public]
    assert {(one.address, one.dkim_domain, one.date) for one in harvester.offered} == {
        (BOB, "out.example", 1_795_521_540.0)
    }


@pytest.mark.parametrize(("carriers", "count"), [({"autocrypt"}, 1), ({"attached"}, 1), (set(), 0)])
async def test_only_what_is_configured_is_read(bed: IncomingBed, key: Keypair, carriers: set[str], count: int) -> None:
    harvester = Harvester()
    bed.harvest = HarvestStep(replace(READER, carriers=frozenset(carriers)), harvester)
    text = armor.enarmor(make_keypair(f"<{BOB}>").public, "PUBLIC KEY BLOCK")
    assert await taken(bed, TOP + autocrypt(key) + b"\r\n" + text) == []
    assert len(harvester.offered) == count


async def test_why_a_key_is_not_taken_is_told(bed: IncomingBed, key: Keypair) -> None:
    harvester = Harvester(room=False)
    bed.harvest = HarvestStep(READER, harvester)
    good = TOP + autocrypt(key) + b"\r\n"
    assert await taken(bed, good) == [("harvested", "busy")]
    assert await taken(bed, good, sender=None) == [("harvested", "automatic")]
    assert await taken(bed, good.removeprefix(RESULTS)) == [("harvested", "no-dkim")]
    assert await taken(bed, TOP + b"\r\nno key\r\n") == []
    assert len(harvester.offered) == 1


async def test_a_reader_that_fails_keeps_no_mail_back(bed: IncomingBed, key: Keypair) -> None:
    bed.harvest = HarvestStep(Broken(READER.carriers, READER.own_domains, MX), Harvester())
    assert await taken(bed, TOP + autocrypt(key) + b"\r\n") == [("failed", "ValueError")]
