"""Who shares a message where some recipients have several keys."""

from __future__ import annotations

from lab.synthetic import certificate

from relay.mail.hidden_recipients import HiddenRecipients
from relay.model import Address, Decision, Encrypt, Envelope, Found, Origin, Recipient
from relay.pipeline.grouping import MOST_RECIPIENTS, group_recipients

SHARED = (certificate("one"), certificate("two"))


def bound(*names: str) -> Decision:
    first, *others = (certificate(name) for name in names)
    return Encrypt("r", Found(first, Origin.IMPORTED, "binding", "binding", tuple(others), "*@x"), True, True)  # noqa: FBT003  sign, protect_subject


def groups(decisions: dict[int, Decision], *, named: bool) -> list[tuple[int, int]]:
    addresses = [Address(f"p{n}@x") for n in decisions]
    envelope = Envelope(None, tuple(map(Recipient, addresses)))
    hidden = HiddenRecipients(frozenset(addresses if named else ()))
    made = group_recipients(decisions, envelope, hidden)
    return [(len(group.recipients), len(group.certificates)) for group in made]


def test_recipients_of_one_binding_share_its_keys() -> None:
    assert groups({n: bound("one", "two") for n in range(3)}, named=True) == [(3, 2)]


def test_a_hidden_recipient_gets_a_message_of_its_own_to_all_of_its_keys() -> None:
    assert groups({n: bound("one", "two") for n in range(2)}, named=False) == [(1, 2), (1, 2)]


def test_a_message_has_a_bounded_number_of_keys() -> None:
    decisions = {n: bound(f"{n}a", f"{n}b", f"{n}c") for n in range(100)}
    assert all(keys <= MOST_RECIPIENTS for _, keys in groups(decisions, named=True))
    assert sum(people for people, _ in groups(decisions, named=True)) == 100


def test_halves_keep_every_key_of_each_recipient() -> None:
    envelope = Envelope(None, tuple(Recipient(Address(f"p{n}@x")) for n in range(3)))
    hidden = HiddenRecipients(frozenset(recipient.address for recipient in envelope.recipients))
    (whole,) = group_recipients({0: bound("a"), 1: bound("b", "c"), 2: bound("b", "c")}, envelope, hidden)
    first, second = whole.halves()
    assert [first.recipients, second.recipients] == [(0,), (1, 2)]
    assert [c.fingerprint for c in second.certificates] == [certificate(n).fingerprint for n in "bc"]
    assert len(whole.certificates) == 3
