"""Keys as mail programs make and send them.

The key comes from the program's own OpenPGP library, with the options that the program gives it: RNP for Thunderbird,
openpgp.js for Mailvelope and Proton, gpg itself. The field and the attachment around it are written after the programs'
sources. K-9's key comes from OpenKeychain, which does not run here: gpg makes it, in the form that K-9 sends.
"""

from __future__ import annotations

import json
import re
import subprocess
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab import rnp_keys
from lab.correspondent import Correspondent
from lab.openpgpjs import LIBRARY
from lab.openpgpjs import SCRIPT as READER
from relay.mail import armor

SCRIPT = READER.with_name("openpgpjs_key.mjs")
_FOLD = re.compile(r"(.{1,72})")
_LINE_END = re.compile(rb"\r?\n")


@dataclass(frozen=True)
class Sample:
    """What somebody's mails have from their program."""

    field: str
    """The value of the Autocrypt field; empty: the program sends none."""
    carrier: bytes
    """The entity with the public key in it: a multipart, or a text."""
    keys: frozenset[bytes]
    """The same in binary: what is in the field may be smaller than what is attached."""


def thunderbird(address: str, bits: int = 0) -> Sample:
    """RNP; the field by `enigmailMsgComposeOverlay.js`, with lines of 72; `OpenPGP_0x….asc`."""
    made = rnp_keys.make(f"Bob <{address}>", bits)
    digits = _FOLD.sub(r"\r\n \1", b64encode(made.for_field).decode())
    carrier = _attached(made.armored, "OpenPGP_0x0011223344556677.asc", "Content-Description: OpenPGP public key")
    return _sample(f"addr={address}; keydata={digits}", carrier, made.armored, made.for_field)


def k9(address: str) -> Sample:
    """`prefer-encrypt` stands before the key."""
    with Correspondent() as bob:
        armored, minimal = _exported(bob, address)
    digits = _FOLD.sub(r"\r\n \1", b64encode(minimal).decode())
    field = f"addr={address}; prefer-encrypt=mutual; keydata={digits}"
    return _sample(field, _attached(armored, "0x0011223344556677.asc"), armored, minimal)


def gnupg(address: str, algorithm: str = "future-default") -> Sample:
    """As mutt attaches what `gpg --export` writes: no name, 7bit."""
    with Correspondent() as bob:
        armored, minimal = _exported(bob, address, algorithm)
    carrier = _attached(armored, "", "Content-Description: PGP Key 0x0011223344556677.")
    return _sample(f"addr={address}; keydata={b64encode(minimal).decode()}", carrier, armored, minimal)


def mailvelope(address: str) -> Sample:
    """A block with two armor header lines, pasted into the text of a web mailer. It sends no field."""
    headers = {"showVersion": True, "showComment": True, "versionString": "Mailvelope v6.2.0"}
    options = {"type": "ecc", "curve": "ed25519Legacy"}
    armored = _of_openpgpjs(address, options, headers | {"commentString": "https://mailvelope.com"})
    assert b"Version: Mailvelope" in armored
    return _sample("", b"Content-Type: text/plain\r\n\r\nBonjour,\r\n\r\n" + _sent(armored) + b"\r\nBob\r\n", armored)


def proton(address: str) -> Sample:
    """The user id has the address as its name; `publickey - ADDRESS - 0x….asc`."""
    options = {"type": "ecc", "curve": "ed25519Legacy", "userIDs": [{"name": address, "email": address}]}
    armored = _of_openpgpjs(address, options, {})
    (block,) = armor.dearmor(armored)
    digits = b64encode(block.data).decode()
    return _sample(
        f"addr={address}; prefer-encrypt=mutual; keydata={digits}",
        _attached(armored, f"publickey - {address} - 0xC0FFEE00.asc"),
        armored,
    )


PROGRAMS: Mapping[str, Callable[[str], Sample]] = {
    "Thunderbird": thunderbird,
    "Thunderbird, RSA": lambda address: thunderbird(address, 3072),
    "K-9": k9,
    "GnuPG": gnupg,
    "GnuPG, RSA": lambda address: gnupg(address, "rsa3072"),
    "Mailvelope": mailvelope,
    "Proton": proton,
}


def _exported(bob: Correspondent, address: str, algorithm: str = "future-default") -> tuple[bytes, bytes]:
    """Armored, and for the field; an RSA key gets a subkey that encrypts."""
    user_id = f"Bob <{address}>"
    bob.gpg("--quick-generate-key", user_id, algorithm, "default", "3y")
    if algorithm.startswith("rsa"):
        lines = bob.gpg("--list-keys", "--with-colons").decode().splitlines()
        key = next(line.split(":")[9] for line in lines if line.startswith("fpr:"))
        bob.gpg("--quick-add-key", key, algorithm, "encr", "3y")
    return bob.export_armored(), bob.gpg("--export-options", "export-minimal", "--export")


def _of_openpgpjs(address: str, options: Mapping[str, object], config: Mapping[str, object]) -> bytes:
    asked = {"options": {"userIDs": [{"name": "Bob", "email": address}], **options}, "config": config}
    done = subprocess.run(
        ["node", SCRIPT, LIBRARY], input=json.dumps(asked).encode(), capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    return bytes(json.loads(done.stdout)["armored"].encode())


def _sample(field: str, carrier: bytes, armored: bytes, *more: bytes) -> Sample:
    (block,) = armor.dearmor(armored)
    return Sample(field, carrier, frozenset({block.data, *more}))


def _attached(armored: bytes, name: str, *more: str) -> bytes:
    named = [f'Content-Disposition: attachment; filename="{name}"'] if name else []
    kind = f'Content-Type: application/pgp-keys; name="{name}"' if name else "Content-Type: application/pgp-keys"
    head = "".join(f"{line}\r\n" for line in (kind, *named, *more)).encode()
    text = b"Content-Type: text/plain\r\n\r\nBonjour\r\n"
    begin = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
    return b"".join([begin, text, b"--b\r\n", head, b"\r\n", _sent(armored), b"\r\n--b--\r\n"])


def _sent(text: bytes) -> bytes:
    """With the line ends of mail."""
    return _LINE_END.sub(b"\r\n", text)
