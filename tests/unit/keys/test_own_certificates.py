"""Own addresses have their own certificate as key, and what is wrong with it is never "no key"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from lab.fakes import FakeLookups, certificate, found
from lab.others import NoOthers

from relay.keys.own_certificates import OwnCertificates, OwnFirst
from relay.model import Address, Certificate, Found, NotFound, Origin, Outage, Unreadable, Unusable, Why
from relay.model.errors import EngineError, StoreError
from relay.model.own import OwnKey, OwnState, OwnSubkey

MARTIN = Address("dr.martin@hopital.example")
OUTSIDE = "bob@ville.example"
KEY = OwnKey(MARTIN, "F" * 40, b"public", (OwnSubkey("A" * 40, 0, 2_000_000_000, "B" * 40),), 0)


@dataclass
class Store:
    keys: dict[Address, OwnKey] = field(default_factory=lambda: {MARTIN: KEY})
    down: bool = False

    async def get(self, address: Address) -> OwnKey | None:
        if self.down:
            raise StoreError("down")
        return self.keys.get(address)


@dataclass
class Examiner(NoOthers):
    verdict: Certificate | Unreadable = field(default_factory=lambda: certificate(MARTIN.text, 9))
    down: bool = False

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        if self.down:
            raise EngineError("down")
        assert blobs == [b"public"]
        return [self.verdict]

    async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
        raise NotImplementedError


def source(store: Store | None = None, examiner: Examiner | None = None) -> OwnCertificates:
    return OwnCertificates(store or Store(), examiner or Examiner(), {"hopital.example"}, clock=lambda: 1e9)


@pytest.mark.parametrize("text", [MARTIN.text, "DR.Martin@Hopital.Example", "dr.martin+list@hopital.example"])
async def test_an_own_address_has_its_certificate(text: str) -> None:
    answer = await source().lookup(Address(text))
    assert isinstance(answer, Found)
    assert (answer.source, answer.method, answer.origin) == ("own", "own", Origin.OWN)


async def test_another_address_or_one_of_another_domain_has_none() -> None:
    foreign = Store({Address(OUTSIDE): replace(KEY, address=Address(OUTSIDE))})
    assert await source(foreign).lookup(Address(OUTSIDE)) == NotFound("own", "own")
    assert await source().lookup(Address("other@hopital.example")) == NotFound("own", "own")


@pytest.mark.parametrize("state", [OwnState.REVOKED, OwnState.REMOVED])
async def test_one_that_is_revoked_must_not_be_used(state: OwnState) -> None:
    answer = await source(Store({MARTIN: replace(KEY, state=state)})).lookup(MARTIN)
    assert isinstance(answer, Unusable)
    assert answer.why is Why.REVOKED


async def test_what_the_engine_rejects_must_not_be_used() -> None:
    unreadable = await source(examiner=Examiner(Unreadable("no"))).lookup(MARTIN)
    whole = certificate(MARTIN.text)
    expired = replace(whole, components=(whole.primary, replace(whole.components[1], expires=1)))
    ended = await source(examiner=Examiner(expired)).lookup(MARTIN)
    assert isinstance(unreadable, Unusable)
    assert isinstance(ended, Unusable)
    assert ended.why is Why.SUBKEY_EXPIRED


async def test_a_store_or_an_engine_that_fails_is_an_outage() -> None:
    assert isinstance(await source(Store(down=True)).lookup(MARTIN), Outage)
    assert isinstance(await source(examiner=Examiner(down=True)).lookup(MARTIN), Outage)


async def test_others_are_asked_for_all_that_have_none() -> None:
    others = FakeLookups({OUTSIDE: found(OUTSIDE)})
    new = Address("new@hopital.example")
    wanted = {MARTIN: frozenset[str](), Address(OUTSIDE): frozenset({"wkd"}), new: frozenset[str]()}
    answers = await OwnFirst(source(), others).find_all(wanted)
    assert [type(answers[address]) for address in wanted] == [Found, Found, NotFound]
    assert others.asked == [OUTSIDE, new.key]
