"""A key in each state that keys are met in, all made anew: what may be encrypted to, and what must not.

Each state has an address of its own (`expired@table.example`), several where its user ids show several.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.forge import (
    BINDING,
    CERTIFICATION,
    CERTIFIES_AND_SIGNS,
    ENCRYPTS,
    ID_REVOCATION,
    MD5,
    P192,
    P256,
    REVOCATION,
    SUBKEY_REVOCATION,
    USER_ID,
    Key,
    Signed,
    ordinary,
    packet,
)

DAY = 86400
DOMAIN = "table.example"


@dataclass(frozen=True)
class State:
    """One key."""

    name: str
    octets: bytes
    """The certificate as its owner publishes it."""
    addresses: tuple[str, ...]
    """Every address that a reader sees in it."""
    usable: bool = False
    """Mail to its (only) address may be encrypted to it."""
    earlier: bytes = b""
    """The same key as it was before, usable; empty: it never was."""


def _at(name: str) -> str:
    return f"{name}@{DOMAIN}"


def _signed(key: Key, **said: int) -> list[Signed]:
    return [Signed(CERTIFICATION, key.created, CERTIFIES_AND_SIGNS, **said)]  # type: ignore[arg-type]  # its fields


def _valid() -> State:
    good = ordinary(f"Valid <{_at('valid')}>")
    return State("valid", good, (_at("valid"),), usable=True, earlier=good)


def _expired() -> State:
    key = Key(created=int(time.time()) - 10 * DAY)
    user_id = f"Expired <{_at('expired')}>"
    renewed = Signed(CERTIFICATION, key.created + DAY, CERTIFIES_AND_SIGNS, key_lasts=2 * DAY)
    octets = ordinary(user_id, key=key, said=[*_signed(key), renewed])
    return State("expired", octets, (_at("expired"),), earlier=ordinary(user_id, key=key))


def _revoked() -> State:
    key = Key()
    good = ordinary(_at("revoked"), key=key)
    octets = key.primary + key.alone(Signed(REVOCATION, key.created + 5)) + good[len(key.primary) :]
    return State("revoked", octets, (_at("revoked"),), earlier=good)


def _revoked_user_id() -> State:
    key = Key()
    gone = [*_signed(key), Signed(ID_REVOCATION, key.created + 5)]
    text = f"Left <{_at('left')}>"
    octets = key.primary + key.user_id(text, *gone) + key.subkey(key.created, _binding(key))
    return State("revoked user id", octets, (_at("left"),), earlier=ordinary(text, key=key))


def _binding(key: Key) -> Signed:
    return Signed(BINDING, key.created, ENCRYPTS)


def _revoked_subkey() -> State:
    key = Key()
    named = key.primary + key.user_id(_at("subkey"), *_signed(key))
    octets = named + key.subkey(key.created, _binding(key), Signed(SUBKEY_REVOCATION, key.created + 5))
    return State("revoked subkey", octets, (_at("subkey"),))


def _future() -> State:
    key = Key(created=int(time.time()) + DAY)
    return State("future", ordinary(f"Future <{_at('future')}>", key=key), (_at("future"),))


def _signed_ahead() -> State:
    """The key is of the past; a clock ahead renewed it, and its time is over by what counts now."""
    key = Key()
    ended = Signed(CERTIFICATION, key.created, CERTIFIES_AND_SIGNS, key_lasts=10)
    ahead = Signed(CERTIFICATION, int(time.time()) + DAY, CERTIFIES_AND_SIGNS)
    return State("signed ahead", ordinary(_at("ahead"), key=key, said=[ended, ahead]), (_at("ahead"),))


def _bound_ahead() -> State:
    key = Key()
    named = key.primary + key.user_id(_at("bound"), *_signed(key))
    later = Signed(BINDING, int(time.time()) + DAY, ENCRYPTS)
    return State("bound ahead", named + key.subkey(key.created, later), (_at("bound"),))


def _no_point() -> State:
    key = Key()
    named = key.primary + key.user_id(_at("point"), *_signed(key))
    return State("no point", named + key.subkey(key.created, _binding(key), curve=P256), (_at("point"),))


def _no_valid_self_signature() -> State:
    key = Key()
    user_id = f"Forged <{_at('forged')}>"
    bad = [Signed(CERTIFICATION, key.created, CERTIFIES_AND_SIGNS, broken=True)]
    return State("no valid self-signature", ordinary(user_id, key=key, said=bad), (_at("forged"),))


def _one_bad_user_id() -> State:
    key = Key()
    good = ordinary(f"Good <{_at('good')}>", key=key)
    bad = key.user_id(f"Bad <{_at('bad')}>", Signed(CERTIFICATION, key.created, CERTIFIES_AND_SIGNS, broken=True))
    octets = key.primary + bad + good[len(key.primary) :]
    return State("one bad user id", octets, (_at("good"), _at("bad")), earlier=good)


def _unsigned_user_id() -> State:
    key = Key()
    good = ordinary(f"Signed <{_at('signed')}>", key=key)
    octets = key.primary + packet(USER_ID, _at("unsigned").encode()) + good[len(key.primary) :]
    return State("unsigned user id", octets, (_at("signed"), _at("unsigned")), earlier=good)


def _weak_digest() -> State:
    key = Key()
    return State("weak digest", ordinary(_at("md5"), key=key, said=_signed(key, digest=MD5)), (_at("md5"),))


def _no_encryption_subkey() -> State:
    return State("no encryption subkey", ordinary(_at("signs"), subkeys=False), (_at("signs"),))


def _unknown_curve() -> State:
    key = Key()
    named = key.primary + key.user_id(_at("p192"), *_signed(key))
    return State("unknown curve", named + key.subkey(key.created, _binding(key), curve=P192), (_at("p192"),))


def _several_addresses() -> State:
    text = f"Two <{_at('one')}>, <{_at('two')}>"
    return State("several addresses", ordinary(text), (_at("one"), _at("two")))


def _unclear_address() -> State:
    return State("unclear address", ordinary(f"<mailto:{_at('mailto')}>"), (_at("mailto"),))


def _unclosed_bracket() -> State:
    return State("unclosed bracket", ordinary(f"Open <{_at('open')}"), (_at("open"),))


def _no_user_id() -> State:
    return State("no user id", ordinary(), ())


def _version_3() -> State:
    body = b"\x03" + (1_000_000_000).to_bytes(4, "big") + b"\0\0\x01" + b"\x04\x00" + b"\xff" * 128 + b"\x00\x05\x11"
    return State("version 3", packet(6, body) + packet(USER_ID, f"Old <{_at('v3')}>".encode()), (_at("v3"),))


def _unknown_version() -> State:
    good = ordinary(_at("v7"))
    return State("unknown version", good[:6] + b"\x07" + good[7:], (_at("v7"),))


def _unknown_algorithm() -> State:
    key = Key()
    body = key.body[:5] + b"\x63" + key.body[6:]
    return State("unknown algorithm", packet(6, body) + ordinary(_at("alg"))[len(key.primary) :], (_at("alg"),))


def _damaged() -> State:
    return State("damaged", ordinary(f"Damaged <{_at('damaged')}>")[:-3], (_at("damaged"),))


_MAKERS: tuple[Callable[[], State], ...] = (
    _valid,
    _expired,
    _revoked,
    _revoked_user_id,
    _revoked_subkey,
    _future,
    _signed_ahead,
    _bound_ahead,
    _no_point,
    _no_valid_self_signature,
    _one_bad_user_id,
    _unsigned_user_id,
    _weak_digest,
    _no_encryption_subkey,
    _unknown_curve,
    _several_addresses,
    _unclear_address,
    _unclosed_bracket,
    _no_user_id,
    _version_3,
    _unknown_version,
    _unknown_algorithm,
    _damaged,
)


def key_states() -> list[State]:
    """One of each, new keys every time."""
    return [make() for make in _MAKERS]
