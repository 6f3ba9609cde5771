"""The table of origins and states, held over any sequence of what administrators, sources, mail and the web bring.

`Paper` keys: what is tested is who wins, not OpenPGP.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lab.resolvers import DOWN, Bench, bench
from lab.sources import DAY, NOW, fpr, key, read

from relay.admin.key_import.admission import Admitted, Proposing
from relay.keys.enrolling import Enrolling
from relay.keys.harvesting import Harvesting
from relay.keys.judging_limits import HourlyLimit
from relay.keys.keyring import Keyring
from relay.keys.merge_policy import MergePolicy
from relay.model import Address, Certificate, Entry, Found, Lookup, NotFound, Origin, Unusable
from relay.model.binding import Binding
from relay.model.enrolment import Budget
from relay.model.harvest import CarriedKey
from relay.model.lookup import ORDER
from relay.policy.harvest import next_step

BOB = Address("bob@ville.example")
EVE = Address("eve@ville.example")
"""Whose address stands in proposed keys too: nothing but an approval vouches for it."""
GATEWAY = 9
KEYS = st.integers(1, 4)
ACTS = st.sampled_from(
    ["import", "import expired", "remove", "approve", "reject", "bind", "unbind", "published", "withdrawn", "down"]
)
FOREIGN = st.sampled_from(["propose", "enrol", "harvest", "harvest to propose", "vks"])
STEPS = st.lists(st.tuples(ACTS | FOREIGN, KEYS), min_size=1, max_size=10)
BROUGHT = {"enrol", "harvest", "harvest to propose"}
"""What mail and the web bring."""


class PaperEnrolling(Enrolling):
    async def read(self, octets: bytes) -> Certificate | None:
        return read(octets)


class PaperHarvesting(Harvesting):
    def _fingerprint(self, data: bytes) -> str:
        return read(data).fingerprint


class Site:
    """One address, and everything that can happen to its keys."""

    def __init__(self, at: Bench) -> None:
        self.at = at
        self.mails = 0
        certificates = at.store.certificates
        self.enrolling = PaperEnrolling(certificates, at.notary, MergePolicy(certificates, at.notary), lambda: at.time)

    async def step(self, act: str, number: int) -> None:
        certificates, shelf = self.at.store.certificates, self.at.wkd.shelf
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "import": lambda: self.at.imported(key(number, BOB.text)),
            "import expired": lambda: self.at.imported(key(number, BOB.text, expires=NOW - DAY)),
            "propose": lambda: self.propose(number),
            "remove": lambda: certificates.remove(fpr(number)),
            "approve": lambda: certificates.approve(fpr(number)),
            "reject": lambda: certificates.reject(fpr(number)),
            "bind": lambda: self.at.store.bindings.put([Binding("*@ville.example", (fpr(GATEWAY),))]),
            "unbind": lambda: self.at.store.bindings.drop("*@ville.example"),
            "enrol": lambda: self.enrolling.enrol(key(number, BOB.text), BOB),
            "harvest to propose": lambda: self.mail(number, instead_of_clear=False),
            "harvest": lambda: self.mail(number, instead_of_clear=True),
            "vks": lambda: self.put(Origin.VKS, number),
        }
        if act in acts:
            await acts[act]()
        else:
            shown: dict[str, list[bytes] | str] = {
                "published": [key(number, BOB.text)],
                "withdrawn": [],
                "down": DOWN,
            }
            shelf[BOB.text] = shown[act]
        self.at.later(2 * DAY)

    async def propose(self, number: int) -> None:
        certificates = self.at.store.certificates
        known, proposed = await certificates.by_fingerprint(fpr(number)), read(key(number, BOB.text, EVE.text))
        admitted = await Proposing(certificates).admit(known, proposed, self.at.time)
        if isinstance(admitted, Admitted):
            await certificates.upsert([admitted.entry])

    async def mail(self, number: int, *, instead_of_clear: bool) -> None:
        """A key that comes with two mails, the second one 25 hours later."""
        harvesting = PaperHarvesting(
            self.at.store.certificates,
            self.at.store.sightings,
            self.at.notary,
            MergePolicy(self.at.store.certificates, self.at.notary),
            Keyring(self.at.store.certificates, clock=lambda: self.at.time),
            next_step,
            HourlyLimit(Budget(9, 9, 9)),
            instead_of_clear=instead_of_clear,
            clock=lambda: self.at.time,
        )
        for _ in range(2):
            self.mails += 1
            carried = CarriedKey(
                BOB, key(number, BOB.text), "ville.example", self.at.time, frozenset({str(self.mails)})
            )
            await harvesting.take(carried)
            self.at.later(DAY + 3600)

    async def put(self, origin: Origin, number: int) -> None:
        """As a source brings it: never over what is there."""
        if await self.at.store.certificates.by_fingerprint(fpr(number)) is None:
            imported = any(e.origin is Origin.IMPORTED for e in await self.counting())
            entry = Entry(read(key(number, BOB.text)), origin, int(self.at.time), imported)
            await self.at.store.certificates.upsert([entry])

    async def counting(self) -> list[Entry]:
        return [entry for entry in await self.at.store.certificates.by_address(BOB) if not entry.proposed]


def rank(origin: Origin) -> int:
    return next(n for n, origins in enumerate(ORDER) if origin in origins)


def used(lookup: Lookup) -> tuple[str, ...]:
    return tuple(one.fingerprint for one in lookup.certificates) if isinstance(lookup, Found) else ()


async def held(steps: list[tuple[str, int]], folder: Path) -> None:
    async with bench(folder) as at:
        await at.imported(key(GATEWAY, "gateway@partner.example"))
        site, approved = Site(at), set[str]()
        for act, number in steps:
            before, decided = await at.find(BOB.text), [e for e in await site.counting() if e.origin is Origin.IMPORTED]
            await site.step(act, number)
            after, entries = await at.find(BOB.text), await site.counting()
            usable = [entry for entry in entries if entry.certificate.unusable(at.time, BOB) is None]
            bound = await at.store.bindings.of(BOB)

            if act == "propose":
                assert used(after) == used(before), "a proposal was used"
                assert type(after) is type(before), "a proposal kept mail back"
            known = await at.store.certificates.by_fingerprints(used(after))
            assert not [entry for entry in known.values() if entry.proposed], "a proposal was used"
            approved |= {fpr(number)} if act == "approve" else set()
            for entry in await at.store.certificates.by_address(EVE):
                assert entry.proposed or entry.certificate.fingerprint in approved, "nobody vouched for this address"
            if act in BROUGHT and (decided or bound):
                same = act == "enrol" and any(entry.certificate.fingerprint == fpr(number) for entry in decided)
                renewed = same and used(after) == (fpr(number),)  # its owner proved that it has a later end
                assert renewed or used(after) == used(before), "mail or the web moved an address that was decided"
                assert renewed or isinstance(after, type(before))
            if isinstance(after, Found):
                assert all(one.unusable(at.time) is None for one in after.certificates)
                place = 0.5 if after.binding else rank(after.origin)
                assert not [entry for entry in usable if rank(entry.origin) < place], "a better one was passed over"
            if isinstance(after, NotFound):
                assert not [entry for entry in entries if entry.origin is not Origin.HARVESTED]
                assert bound is None
            if any(entry.origin is Origin.IMPORTED for entry in entries):
                assert isinstance(after, Found | Unusable)
                assert not isinstance(after, Found) or after.origin is Origin.IMPORTED


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
@example([("propose", 1), ("published", 1)])
@example([("propose", 1), ("enrol", 1)])
@example([("propose", 1), ("published", 2), ("withdrawn", 2)])
@example([("import", 1), ("published", 2), ("propose", 2), ("remove", 1)])
@example([("import expired", 1), ("propose", 2), ("published", 2)])
@example([("import", 1), ("vks", 2), ("propose", 2), ("remove", 1)])
@example([("import", 1), ("enrol", 2), ("propose", 2), ("remove", 1)])
@example([("propose", 1), ("reject", 1), ("propose", 1), ("approve", 1)])
def test_the_best_usable_key_is_used_and_nobody_outside_moves_what_an_administrator_decided(
    steps: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(held(steps, Path(folder)))


@pytest.mark.parametrize("origin", [Origin.ENROLLED, Origin.WKD, Origin.VKS])
async def test_who_proposes_a_fetched_proposal_again_does_not_take_its_origin_and_its_addresses_away(
    tmp_path: Path, origin: Origin
) -> None:
    async with bench(tmp_path) as at:
        site = Site(at)
        await at.imported(key(1, BOB.text))
        await site.put(origin, 2)
        await site.propose(2)
        entry = await at.store.certificates.by_fingerprint(fpr(2))
        assert entry is not None
        assert (entry.origin, entry.proposed, entry.certificate.shown_addresses) == (origin, True, (BOB,))
        await at.store.certificates.remove(fpr(1))
        assert used(await at.find(BOB.text)) == (fpr(2),), "clear text would have left"


@pytest.mark.parametrize("revoked", [False, True])
@pytest.mark.parametrize("origin", [Origin.ENROLLED, Origin.WKD])
async def test_an_encryption_subkey_that_its_owner_has_not_confirmed_is_left_out_of_an_enrolled_proposal(
    tmp_path: Path, origin: Origin, *, revoked: bool
) -> None:
    """Somebody could put their own subkey under the key of another person, and read what is encrypted to it."""
    async with bench(tmp_path) as at:
        before = Entry(read(key(2, BOB.text)), origin, int(at.time), proposed=True)
        uploaded = read(key(2, BOB.text, revoked=revoked))
        another = replace(uploaded.primary, fingerprint=fpr(7), encrypts=True, revoked=False)
        after = replace(uploaded, components=(*uploaded.components, another))
        admitted = await Proposing(at.store.certificates).admit(before, after, at.time)
        assert isinstance(admitted, Admitted)
        left_out = origin is Origin.ENROLLED and not revoked
        assert admitted.entry == (before if left_out else replace(before, certificate=after))
        assert ("not confirmed" in admitted.remark) == left_out
