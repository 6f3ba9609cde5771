"""Keys that are mailed in and answers to their challenges, over any sequence with what administrators do.

`Paper` keys: what is tested is who wins, not OpenPGP.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lab.resolvers import Bench, bench
from lab.sources import DAY, NOW, fpr, key, narrow, read

from relay.keys.enrolling import Enrolling
from relay.keys.merge_policy import MergePolicy
from relay.model import Address, Certificate, Found, Lookup, NotFound, Origin
from relay.model.binding import Binding
from relay.model.enrolment import Fate

BOB = Address("bob@ville.example")
GATEWAY = 9
DECIDED = st.sampled_from(["import", "remove", "approve", "reject", "bind", "unbind"])
MAILED = st.sampled_from(["mail", "mail later", "mail revoked", "answer", "mail and answer"])
STEPS = st.lists(st.tuples(DECIDED | MAILED | MAILED, st.integers(1, 2)), min_size=6, max_size=12)
STATES: dict[str, tuple[float | None, bool]] = {
    "mail": (NOW + 400 * DAY, False),
    "mail later": (NOW + 800 * DAY, False),
    "mail revoked": (NOW + 400 * DAY, True),
}

ANSWERED = {"answer", "mail and answer"}


class PaperEnrolling(Enrolling):
    async def read(self, octets: bytes) -> Certificate | None:
        return read(octets)


class Site:
    """One address, and the challenges that are open for it."""

    def __init__(self, at: Bench) -> None:
        self.at = at
        certificates = at.store.certificates
        merge_policy = MergePolicy(certificates, at.notary, lambda: at.time, narrow)
        self.enrolling = PaperEnrolling(certificates, at.notary, merge_policy, lambda: at.time)
        self.challenges: dict[int, bytes] = {}

    async def step(self, act: str, number: int) -> Fate | None:
        if act in STATES:
            expires, revoked = STATES[act]
            judged = await self.enrolling.judge(key(number, BOB.text, expires=expires, revoked=revoked), BOB)
            if isinstance(judged, Fate):
                return judged
            self.challenges[number] = judged.data
            return Fate.CHALLENGED
        if act == "mail and answer":
            mailed = await self.step("mail", number)
            return await self.step("answer", number) if mailed is Fate.CHALLENGED else mailed
        if act == "answer":
            challenged = self.challenges.pop(number, None)
            return await self.enrolling.enrol(challenged, BOB) if challenged else None
        await self._decide(act, number)
        return None

    async def _decide(self, act: str, number: int) -> None:
        certificates, bindings = self.at.store.certificates, self.at.store.bindings
        match act:
            case "import":
                await self.at.imported(key(number, BOB.text, expires=NOW + 400 * DAY))
            case "remove":
                await certificates.remove(fpr(number))
            case "approve":
                await certificates.approve(fpr(number))
            case "reject":
                await certificates.reject(fpr(number))
            case "bind":
                await bindings.put([Binding("*@ville.example", (fpr(GATEWAY),))])
            case _:
                await bindings.drop("*@ville.example")

    async def imported(self) -> set[str]:
        """What an administrator imported or approved for the address."""
        found = await self.at.store.certificates.by_address(BOB)
        return {e.certificate.fingerprint for e in found if e.origin is Origin.IMPORTED and not e.proposed}

    async def is_bound(self) -> bool:
        return await self.at.store.bindings.of(BOB) is not None


def used(lookup: Lookup) -> frozenset[str]:
    several = lookup.certificates if isinstance(lookup, Found) else ()
    return frozenset(one.fingerprint for one in several)


async def held(steps: list[tuple[str, int]], folder: Path) -> None:
    async with bench(folder) as at:
        await at.imported(key(GATEWAY, "gateway@partner.example"))
        site = Site(at)
        for act, number in steps:
            before, imported = await at.find(BOB.text), await site.imported()
            decided = bool(imported) or await site.is_bound()
            fate = await site.step(act, number)
            after = await at.find(BOB.text)
            if act in STATES:
                assert used(after) <= used(before), "a key counts that nobody has proved"
                assert used(after) >= used(before) - ({fpr(number)} if act == "mail revoked" else frozenset())
            if act == "mail revoked":
                assert fpr(number) not in used(after), "a revocation counts at once"
            if act == "mail" and isinstance(before, NotFound):
                assert fate in {Fate.CHALLENGED, Fate.REJECTED}
            if fate in {Fate.ENROLLED, Fate.PROPOSED}:
                assert (fate is Fate.PROPOSED) is bool(imported - {fpr(number)})
            if act in ANSWERED and decided:
                assert used(after) == used(before), "an answer moved an address that was decided"
            if fate is Fate.ENROLLED and not decided:
                assert used(after) == {fpr(number)}
            if (act in STATES or act in ANSWERED) and not isinstance(before, NotFound):
                assert not isinstance(after, NotFound), "what mail brought made a key that is known unknown"


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
@example([("import", 1), ("mail and answer", 2), ("remove", 1), ("mail revoked", 2)])
@example([("mail and answer", 1), ("mail and answer", 2), ("import", 1), ("mail later", 2), ("bind", 1), ("answer", 2)])
def test_a_key_by_mail_counts_once_its_challenge_is_answered_and_never_before_what_was_decided(
    steps: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(held(steps, Path(folder)))
