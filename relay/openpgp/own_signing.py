"""Whether the secret part with which an own address signs lies in this keyring folder. Raises nothing."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from relay.mail import packets
from relay.mail.certificate_parts import parts
from relay.mail.fingerprints import fingerprint
from relay.model.errors import OpenPgpError
from relay.model.own import OwnKey
from relay.openpgp import secret_parts
from relay.openpgp.keygrip import keygrip

_EDDSA = 22
"""RFC 9580 section 9.1."""
_ALGORITHM, _POINT = 5, -32
"""Where they stand in the body of a version 4 key."""


def signs_here(home: Path, key: OwnKey) -> bool:
    """On several nodes a new certificate is known everywhere before its secret parts are."""
    keygrips = _signing_keygrips(key.data, frozenset(subkey.fingerprint for subkey in key.subkeys))
    return any(secret_parts.path(home, one).exists() for one in keygrips)


@lru_cache(maxsize=1000)
def _signing_keygrips(certificate: bytes, others: frozenset[str]) -> tuple[str, ...]:
    """Of the subkeys that do not encrypt."""
    try:
        bodies = [body for tag, body in parts(certificate) if tag == packets.PUBLIC_SUBKEY]
    except OpenPgpError:
        return ()
    signing = [body for body in bodies if body[_ALGORITHM] == _EDDSA and fingerprint(body) not in others]
    return tuple(keygrip("Ed25519", body[_POINT:]) for body in signing)
