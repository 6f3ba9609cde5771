"""GnuPG's verdict on certificates: its colon listing as values (GnuPG's doc/DETAILS).

`listings` reads what `--with-colons` prints and does not fail on a record that it does not know; fields that are no
number count as absent. `certificate` joins one listing with the certificate's canonical octets.

Under a revoked or expired primary key GnuPG prints the primary key's letter for each user id and subkey too. There the
letter says nothing of the part, and is not kept for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from relay.mail import packets
from relay.mail.certificate_parts import parts
from relay.model import Certificate, Component, UserId, user_id
from relay.openpgp.weakness import with_weaknesses

_ALGORITHMS = {
    1: "rsa",
    2: "rsa",
    3: "rsa",
    16: "elgamal",
    17: "dsa",
    18: "ecdh",
    19: "ecdsa",
    20: "elgamal",
    22: "eddsa",
}
_NAMED_BY_CURVE = frozenset({18, 19, 22})
_WITHOUT_CURVE = frozenset({1, 2, 3, 16, 17})
_CURVES = frozenset(
    {
        "cv25519", "ed25519", "cv448", "ed448", "x448", "nistp256", "nistp384", "nistp521", "secp256k1",
        "brainpoolp256r1", "brainpoolp384r1", "brainpoolp512r1",
    }
)  # fmt: skip
"""GnuPG's names; it prints the number (OID) of a curve that it does not know, and ends when it is to use one."""
_UNKNOWN_PRIMARY = "GnuPG cannot use this key: its primary key is of an algorithm or a curve that it does not know."
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[nrfvb0])")
_SHORT_ESCAPES = {b"n": b"\n", b"r": b"\r", b"f": b"\f", b"v": b"\v", b"b": b"\b", b"0": b"\0"}


@dataclass(slots=True)
class Listing:
    """One key of a listing, public or secret."""

    primary: str
    """The primary key's validity letter."""
    capabilities: str
    components: list[Component] = field(default_factory=list)
    user_ids: list[UserId] = field(default_factory=list)
    token: str = ""
    """Of a secret key: `+`: its secret part is in the home; `#`: it is not; else the serial number of its card."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the primary key."""
        return self.components[0].fingerprint

    @property
    def disabled(self) -> bool:
        """A person disabled it."""
        return "D" in self.capabilities or self.primary == "d"


def listings(output: bytes) -> list[Listing]:
    """The keys of a colon listing, in their order; one without a fingerprint is left out."""
    keys: list[Listing] = []
    for record in records(output):
        match record[0]:
            case b"pub" | b"sec":
                keys.append(
                    Listing(_letter(record), _text(record, 11), [_component(record, "")], token=_text(record, 14))
                )
            case b"sub" | b"ssb" if keys:
                keys[-1].components.append(_component(record, keys[-1].primary))
            case b"fpr" if keys and not keys[-1].components[-1].fingerprint:
                keys[-1].components[-1] = replace(keys[-1].components[-1], fingerprint=_text(record, 9))
            case b"uid" if keys:
                keys[-1].user_ids.append(_user_id(record, keys[-1].primary))
    return [key for key in keys if all(component.fingerprint for component in key.components)]


def keygrips(output: bytes) -> dict[str, str]:
    """Fingerprint to keygrip, of every primary key and subkey of a listing that was made with `--with-keygrip`."""
    found: dict[str, str] = {}
    fingerprint = ""
    for record in records(output):
        if record[0] == b"fpr":
            fingerprint = _text(record, 9)
        elif record[0] == b"grp":
            found[fingerprint] = _text(record, 9)
    return found


def certificate(data: bytes, listing: Listing, at: float) -> Certificate:
    """The certificate whose canonical octets are `data`, at that time."""
    primary = listing.components[0]
    return Certificate(
        data=data,
        version=4,
        components=with_weaknesses(listing.components, parts(data), at),
        user_ids=tuple(listing.user_ids),
        disabled=listing.disabled,
        fault="" if primary.valid or primary.supported else _UNKNOWN_PRIMARY,
    )


def is_whole(key: Listing, octets: bytes) -> bool:
    """Whether it has a line for each key and each user id in these octets."""
    tags = [tag for tag, _ in parts(octets)]
    keys = tags.count(packets.PUBLIC_KEY) + tags.count(packets.PUBLIC_SUBKEY)
    return (len(key.components), len(key.user_ids)) == (keys, tags.count(packets.USER_ID))


def records(output: bytes) -> Iterator[list[bytes]]:
    """The fields of each line."""
    for line in output.split(b"\n"):
        yield line.split(b":")


def listed_user_id(record: list[bytes]) -> UserId:
    """A `uid` record of a key whose primary key can be used."""
    return _user_id(record, "")


def _component(record: list[bytes], primary: str) -> Component:
    letter = _letter(record)
    return Component(
        fingerprint="",
        algorithm=_algorithm(record),
        created=_number(record, 5) or 0,
        expires=_number(record, 6),
        encrypts="e" in _text(record, 11),
        revoked=letter == "r" and primary != "r",
        valid=letter != "i",
        supported=_supported(record),
    )


def _user_id(record: list[bytes], primary: str) -> UserId:
    octets = _unescaped(record[9] if len(record) > 9 else b"")
    letter = _letter(record)
    gone = letter in {"r", "e"} and letter != primary  # an expired one binds no address any more
    return user_id.read(octets, revoked=gone, valid=letter != "i")


def _algorithm(record: list[bytes]) -> str:
    number, bits, curve = _number(record, 3) or 0, _text(record, 2), _text(record, 16)
    if number in _NAMED_BY_CURVE and curve:
        return curve.lower()
    return f"{_ALGORITHMS.get(number, f'algorithm{number}-')}{bits}"


def _supported(record: list[bytes]) -> bool:
    number = _number(record, 3)
    return number in _WITHOUT_CURVE or (number in _NAMED_BY_CURVE and _text(record, 16).lower() in _CURVES)


def _letter(record: list[bytes]) -> str:
    return _text(record, 1)[:1]


def _text(record: list[bytes], index: int) -> str:
    return record[index].decode("ascii", "replace") if index < len(record) else ""


def _number(record: list[bytes], index: int) -> int | None:
    text = _text(record, index)
    return int(text) if text.isascii() and text.isdigit() else None


def _unescaped(quoted: bytes) -> bytes:
    return _ESCAPE.sub(lambda m: _SHORT_ESCAPES.get(m[1]) or bytes([int(m[1][1:], 16)]), quoted)
