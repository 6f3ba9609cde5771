"""The organisation's certification on a partner's key, made with GnuPG in a home that is thrown away.

Raises `EngineError` and `EngineTimeout`.
"""

from __future__ import annotations

from pathlib import Path

from relay.openpgp import signing
from relay.openpgp.arguments import unlocking
from relay.openpgp.prefilter import certificate_fingerprint
from relay.openpgp.scratch_home import scratch_home


async def certify(home: Path, organisation: str, certificate: bytes, passphrase: bytes | None) -> bytes:
    """The certificate with this certification on all of its user ids, as octets."""
    own = await signing.export_binary(home, organisation)
    fingerprint = certificate_fingerprint(certificate)
    async with scratch_home(home, own, certificate) as scratch:
        with unlocking(passphrase or b"") as (arguments, descriptors):
            words = (*arguments, "--yes", "--local-user", organisation, "--quick-sign-key", fingerprint)
            await scratch.gpg(*words, passing=tuple(descriptors))
        return (await scratch.gpg("--export", fingerprint)).output
