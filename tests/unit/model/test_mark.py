from __future__ import annotations

import re

import pytest

from relay.model import Address
from relay.model.mark import Encryption, Mark, Signed
from relay.model.opened import Reason

KEY = "0123456789ABCDEF0123456789ABCDEF01234567"
BOB = Address("bob@example.org")

GRAMMAR = re.compile(
    rb"X-PGP-Relay: encryption=(decrypted|closed|none); signature=(good|old|unknown|other|bad|none); "
    rb"subject=(signed|unsigned)(; signer=<[^\s<>;\"]+>; key=[0-9A-F]{32,64})?(; reason=[a-z-]+)?\r\n"
)


def test_one_line_in_one_order() -> None:
    mark = Mark(Encryption.DECRYPTED, Signed.GOOD, True, BOB, KEY)  # noqa: FBT003  subject_signed

    assert mark.text == f"encryption=decrypted; signature=good; subject=signed; signer=<bob@example.org>; key={KEY}"
    assert mark.field == f"X-PGP-Relay: {mark.text}\r\n".encode()
    assert Mark().text == "encryption=none; signature=none; subject=unsigned"
    closed = Mark(Encryption.CLOSED, reason=Reason.NOT_ENTITLED)
    assert closed.text == "encryption=closed; signature=none; subject=unsigned; reason=not-entitled"
    assert Mark(Encryption.DECRYPTED, reason=Reason.PICKUP).text.endswith("; reason=pickup")


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("Bob@Example.ORG", "Bob@example.org"),
        ('"a; signature=good"@x.example', r"a\x{3B}\x{20}signature=good@x.example"),
        ('"a@b"@x.example', r"a\x{40}b@x.example"),
        ("dr.rené@hôpital.example", r"dr.ren\x{E9}@xn--hpital-ixa.example"),
        ("m@[192.0.2.1]", "m@[192.0.2.1]"),
        ('"\\\\x{41}"@x.example', r"\x{5C}x{41}@x.example"),
    ],
)
def test_no_address_ends_its_element(address: str, written: str) -> None:
    mark = Mark(Encryption.NONE, Signed.OTHER, signer=Address(address), key=KEY)

    assert f"signer=<{written}>;" in mark.text
    assert GRAMMAR.fullmatch(mark.field)


@pytest.mark.parametrize(
    "wrong",
    [
        {"signature": Signed.GOOD},
        {"signature": Signed.GOOD, "signer": BOB},
        {"signature": Signed.BAD, "signer": BOB, "key": KEY},
        {"signature": Signed.OLD, "signer": BOB, "key": "not a fingerprint"},
        {"signature": Signed.UNKNOWN, "subject_signed": True},
        {"encryption": Encryption.CLOSED},
        {"encryption": Encryption.NONE, "reason": Reason.PICKUP},
        {"encryption": Encryption.DECRYPTED, "reason": Reason.NO_KEY},
    ],
)
def test_a_mark_does_not_contradict_itself(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Mark(**wrong)  # type: ignore[arg-type]  # what is wrong is what is shown
