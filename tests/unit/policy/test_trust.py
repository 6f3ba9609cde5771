"""Which keys are good enough for a rule (`trust`), and what came with mail (`harvested`)."""

from __future__ import annotations

import pytest
from lab.synthetic import certificate

from relay.model import Clear, Encrypt, Found, Hold, Origin, Refuse, Why
from relay.policy import NOT_ENCRYPTED, Encryption, Rule, Trust, WithoutKey, decide

APPROVED = {Origin.IMPORTED, Origin.AUTHORITY, Origin.OWN}
PUBLISHED = {Origin.ENROLLED, Origin.LDAP, Origin.WKD}


def found(origin: Origin, binding: str = "") -> Found:
    return Found(certificate("bob"), origin, "source", "method", binding=binding)


@pytest.mark.parametrize("encrypt", [Encryption.PREFERRED, Encryption.REQUIRED])
@pytest.mark.parametrize("trust", Trust)
@pytest.mark.parametrize("origin", [origin for origin in Origin if origin is not Origin.HARVESTED])
def test_a_key_that_is_not_good_enough_is_never_used_and_never_no_key(
    origin: Origin, trust: Trust, encrypt: Encryption
) -> None:
    enough = {Trust.ANY: set(Origin), Trust.DIRECTORY: APPROVED | PUBLISHED, Trust.APPROVED: APPROVED}[trust]
    decision = decide(Rule("r", encrypt=encrypt, trust=trust), NOT_ENCRYPTED, found(origin))
    if origin in enough:
        assert isinstance(decision, Encrypt)
    else:
        assert decision == Refuse("r", Why.UNTRUSTED, fingerprint=certificate("bob").fingerprint)


def test_a_bound_key_is_good_enough_wherever_it_is_from() -> None:
    rule = Rule("r", trust=Trust.APPROVED)
    assert isinstance(decide(rule, NOT_ENCRYPTED, found(Origin.WKD, "*@x")), Encrypt)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule("r", encrypt=Encryption.PREFERRED), Encrypt),
        (Rule("r", encrypt=Encryption.PREFERRED, trust=Trust.DIRECTORY), Clear),
        (Rule("r", encrypt=Encryption.REQUIRED), Refuse),
        (Rule("r", encrypt=Encryption.REQUIRED, without_key=WithoutKey.HOLD), Hold),
    ],
)
def test_what_came_with_mail_is_used_in_place_of_cleartext_and_is_no_key_otherwise(
    rule: Rule, expected: type[object]
) -> None:
    decision = decide(rule, NOT_ENCRYPTED, found(Origin.HARVESTED))
    assert type(decision) is expected
    if not isinstance(decision, Encrypt):
        assert decision.reason == Why.NO_KEY
