"""A key that was damaged on its way is not "no key": whatever still shows its address keeps it from cleartext."""

from __future__ import annotations

import base64
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lab.forge import Key, ordinary
from lab.key_site import Site, outcomes

SEED = 20261201
NUMBER = 80
BEGIN, END = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n", b"\n-----END PGP PUBLIC KEY BLOCK-----\n"

Damage = Callable[[bytes, random.Random], bytes]


def made(address: str, chance: random.Random) -> bytes:
    """The same octets in every run."""
    key = Key(1_700_000_000, Ed25519PrivateKey.from_private_bytes(chance.randbytes(32)))
    return ordinary(f"Somebody <{address}>", key=key, subkeys=False)


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice([1, 2, 5]))


def flipped(key: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(key))
    return key[:at] + bytes([key[at] ^ 1 << chance.randrange(8)]) + key[at + 1 :]


def shortened(key: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(key))
    return key[:at] + key[at + chance.choice([1, 2, 5]) :]


def lengthened(key: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(key))
    return key[:at] + _noise(chance) + key[at:]


def cut(key: bytes, chance: random.Random) -> bytes:
    return key[: chance.randrange(len(key))]


def behind_noise(key: bytes, chance: random.Random) -> bytes:
    return _noise(chance) + key


def before_noise(key: bytes, chance: random.Random) -> bytes:
    return key + _noise(chance)


def without_its_first_line(key: bytes, _chance: random.Random) -> bytes:
    return base64.encodebytes(key) + END


def without_its_last_line(key: bytes, _chance: random.Random) -> bytes:
    return BEGIN + base64.encodebytes(key)


DAMAGES: tuple[Damage, ...] = (
    flipped, shortened, lengthened, cut, behind_noise, before_noise, without_its_first_line, without_its_last_line
)  # fmt: skip


@pytest.mark.parametrize("engine", ["gnupg", "sequoia"])
async def test_what_still_shows_its_address_is_never_no_key(
    tmp_path: Path, engine: str, record_property: Callable[[str, object], None]
) -> None:
    chance, site = random.Random(SEED), Site(tmp_path, engine=engine)  # noqa: S311  a test
    showing, counted = {}, Counter[str]()
    for number in range(NUMBER):
        address, damage = f"damaged{number}@pref.example", DAMAGES[number % len(DAMAGES)]
        octets = damage(made(address, chance), chance)
        await site.imports(octets)
        if f"<{address}>".encode() in octets or octets.endswith(END) or octets.startswith(BEGIN):
            showing[address] = damage.__name__
    found = outcomes(await site.decisions(showing))
    counted.update(f"{showing[address]}: {outcome}" for address, outcome in found.items())
    assert {showing[address] for address, outcome in found.items() if outcome == "Clear"} == set()
    record_property("counted", f"{engine}: {len(showing)} damaged keys that show an address: {dict(counted)}")


async def test_octets_before_a_key_hid_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for number, before in enumerate((b"\0\0", b"\xff", b"Hello\n", b"\xb4\x03abc")):
        await site.imports(before + ordinary(f"<front{number}@pref.example>"))
        assert outcomes(await site.decisions([f"front{number}@pref.example"])).popitem()[1] == "Encrypt"


async def test_a_file_with_addresses_that_is_no_key_makes_no_key_of_them(tmp_path: Path) -> None:
    site = Site(tmp_path)
    chance = random.Random(SEED)  # noqa: S311  a test
    for octets in (b"From: a@pref.example\r\n\r\nx", chance.randbytes(60_000) + b"<a@pref.example>" + bytes(900)):
        [told] = await site.imports(octets)
        assert told.reason == "This holds no OpenPGP key."
    assert outcomes(await site.decisions(["a@pref.example"])) == {"a@pref.example": "Clear"}
