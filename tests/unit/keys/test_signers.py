from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from lab.fakes import FakeLookups, certificate

from relay.keys.signers import KnownSigners
from relay.model import Address, Entry, Found, Lookup, NotFound, Origin, Outage
from relay.model.binding import Binding
from relay.model.errors import StoreError
from relay.model.signers import Signers

DR, PARTNER = Address("dr.martin@chu.example"), Address("lefevre@ville.example")
HERS, ANOTHER, GATEWAY = certificate(DR.text, 1), certificate(DR.text, 2), certificate("gateway@ville.example", 3)


def entry(number: int, origin: Origin = Origin.IMPORTED, *, proposed: bool = False) -> Entry:
    return Entry({1: HERS, 2: ANOTHER, 3: GATEWAY}[number], origin, 0, proposed=proposed)


@dataclass
class Stored:
    entries: Sequence[Entry] = ()
    approved: frozenset[str] = frozenset()

    async def by_address(self, address: Address) -> Sequence[Entry]:
        return [one for one in self.entries if address in one.certificate.shown_addresses]

    async def by_fingerprints(self, fingerprints: Collection[str]) -> Mapping[str, Entry]:
        known = {one.certificate.fingerprint: one for one in self.entries}
        return {fingerprint: known[fingerprint] for fingerprint in fingerprints if fingerprint in known}

    async def by_key_ids(self, key_ids: Collection[str]) -> Sequence[Entry]:
        return [one for one in self.entries if any(c.key_id in key_ids for c in one.certificate.components)]

    async def is_approved(self, fingerprint: str) -> bool:
        return fingerprint in self.approved


@dataclass
class Own:
    name: str = "own"
    answer: Lookup = NotFound("own")  # noqa: RUF009  frozen

    async def lookup(self, address: Address) -> Lookup:
        del address
        return self.answer


@dataclass
class Bound:
    binding: Binding | None = None
    asked: list[Address] = field(default_factory=list)

    async def of(self, address: Address) -> Binding | None:
        self.asked.append(address)
        return self.binding


async def test_the_sources_are_asked_before_the_store_is_read() -> None:
    lookups = FakeLookups()
    signers = KnownSigners(Stored([entry(1, Origin.WKD)]), lookups)

    assert await signers.of(DR) == Signers((entry(1, Origin.WKD),))
    assert lookups.asked == [DR.key]
    assert await signers.of(None) == Signers()


async def test_beside_an_imported_one_only_approved_ones_count() -> None:
    both = Stored([entry(1), entry(2, Origin.WKD)])

    assert await KnownSigners(both, FakeLookups()).of(DR) == Signers((entry(1),))
    approved = replace(both, approved=frozenset({ANOTHER.fingerprint}))
    assert len((await KnownSigners(approved, FakeLookups()).of(DR)).author) == 2


@pytest.mark.parametrize("signs", [True, False])
async def test_a_binding_counts_where_it_signs(signs: bool) -> None:
    binding = Binding("*@ville.example", (GATEWAY.fingerprint,), signs)
    stored = Stored([entry(3)])
    found = await KnownSigners(stored, FakeLookups(), None, Bound(binding)).of(PARTNER)

    assert found.author == ((entry(3),) if signs else ())
    proposed = KnownSigners(Stored([entry(3, proposed=True)]), FakeLookups(), None, Bound(binding))
    assert (await proposed.of(PARTNER)).author == ()


async def test_an_own_address_has_its_own_certificate_and_no_other() -> None:
    ours = Own(answer=Found(HERS, Origin.OWN, "own", "own"))
    signers = KnownSigners(Stored([entry(2)]), FakeLookups(), ours)

    assert [one.certificate for one in (await signers.of(DR)).author] == [HERS]
    with pytest.raises(StoreError):
        await KnownSigners(Stored(), FakeLookups(), Own(answer=Outage("own", "the engine is down"))).of(DR)


async def test_others_by_their_key_id() -> None:
    known = Signers((entry(1),))
    stored = Stored([entry(1), entry(3)])
    found = await KnownSigners(stored, FakeLookups()).made_by(
        {HERS.primary.key_id, GATEWAY.components[1].key_id}, known
    )

    assert found == Signers((entry(1),), (entry(3),))


async def test_a_source_that_is_down_leaves_the_signer_unknown() -> None:
    down = FakeLookups({DR.key: Outage("wkd", "no answer")})

    assert await KnownSigners(Stored(), down).of(DR) == Signers()
    assert await KnownSigners(Stored([entry(1, Origin.WKD)]), down).of(DR) == Signers((entry(1, Origin.WKD),))
