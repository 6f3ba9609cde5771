"""GnuPG's signature cache, for certificates that no keyring of its own holds.

gpg verifies all self-signatures of a certificate before it uses it, 0.4 ms each with Ed25519. In a keyring it
does so once, and notes behind each signature that it is valid (a trust packet, RFC 9580 section 5.10). Here one call of
gpg makes these notes when a certificate is used for the second time: it reads the certificate and writes it as it would
keep it (`--import-options import-export`, `--export-options backup`). The result is remembered in this process alone,
and is the keyring of the calls that follow. In each of them gpg still judges what is expired or revoked. After a
failed call its certificates are forgotten: a failing gpg may have written them.

Trust packets that come with a certificate are ignored: gpg uses them only with the import option `restore`.

Raises `EngineTimeout`, and `EngineError` where gpg fails or writes nonsense.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from relay.mail import packets
from relay.mail.fingerprints import fingerprint
from relay.model import Unreadable
from relay.model.errors import EngineError, OpenPgpError
from relay.openpgp import call
from relay.openpgp.arguments import no_keyring
from relay.openpgp.home import Stamp, keyring_stamp, reachable
from relay.openpgp.minimal import ORDINARY, REMEMBERED
from relay.openpgp.prefilter import whole

_IMPORT = ("--no-autostart", "--import-options", "import-export", "--export-options", "backup", "--import")
_KEYS = frozenset({packets.PUBLIC_KEY, packets.PUBLIC_SUBKEY})
_MOST_EXPORTED = 1 << 20


class SignatureCache:
    """Remembers the certificates used last with gpg's notes; `home` is the GnuPG home of its calls."""

    def __init__(self, home: Path, timeout: float) -> None:
        self._home = home
        self._timeout = timeout
        self._verified: dict[bytes, bytes | None] = {}  # None: used once

    async def keyring(self, certificates: Sequence[bytes]) -> bytes | None:
        """One keyring of all of them, in their order.

        None where gpg must be given them otherwise: where a key is in two of them, its fingerprint would not say
        which is meant; one that is used for the first time may never be used again; large ones are not remembered;
        and what gpg would not keep, it may use all the same.
        """
        if any(len(one) > ORDINARY for one in certificates) or not _distinct(certificates):
            return None
        known = all(one in self._verified for one in certificates)
        found = {one: self._verified.get(one) for one in certificates}
        if known and (missing := [one for one, verified in found.items() if verified is None]):
            found |= await self._verify(missing)
        self._remember(found)
        written = [found[one] or b"" for one in certificates]
        return b"".join(written) if all(written) else None

    def forget(self, certificates: Iterable[bytes]) -> None:
        """The next use of each counts as its first."""
        for certificate in certificates:
            self._verified.pop(certificate, None)

    async def _verify(self, certificates: Sequence[bytes]) -> dict[bytes, bytes]:
        content = b"".join(certificates)
        most = 2 * len(content) + _MOST_EXPORTED
        home, seconds = reachable(self._home), self._timeout
        with no_keyring() as (words, descriptors):
            result = await call.run(
                home, *words, *_IMPORT, seconds=seconds, content=content, most=most, passing=descriptors
            )
        if not any(keyword == "IMPORT_RES" for keyword, _ in result.status):
            raise EngineError("gpg did not verify a certificate")
        try:
            written = {_keys(one)[0]: one for one in packets.split_certificates(result.output)}
        except OpenPgpError as error:
            raise EngineError("gpg wrote no certificates") from error
        return {one: written[name] for one in certificates if (name := _keys(one)[0]) in written}

    def _remember(self, used: dict[bytes, bytes | None]) -> None:
        """The ones used last stand last."""
        for certificate in used:
            self._verified.pop(certificate, None)
        self._verified |= used
        for oldest in list(self._verified)[: max(0, len(self._verified) - REMEMBERED)]:
            del self._verified[oldest]


class HomeCertificates:
    """The certificates of the home's own secret keys, read anew when the home's keyring has changed."""

    def __init__(self, home: Path, timeout: float) -> None:
        self._home = home
        self._timeout = timeout
        self._known: dict[str, tuple[Stamp, bytes]] = {}

    async def get(self, name: str) -> bytes:
        """The certificate with that fingerprint; empty if no keyring file has been seen yet."""
        now = keyring_stamp(self._home)
        before, certificate = self._known.get(name, ((), b""))
        if now and now != before:
            certificate = await self._exported(name)
            self._known = {**self._known, name: (now, certificate)}
        return certificate

    def forget(self, name: str) -> bytes:
        """Read it anew at its next use; what was remembered, empty if nothing was."""
        return self._known.pop(name, ((), b""))[1]

    async def _exported(self, name: str) -> bytes:
        result = await call.look(reachable(self._home), "--export", name, seconds=self._timeout, most=_MOST_EXPORTED)
        if result.code != 0 or isinstance(whole(result.output), Unreadable):
            raise EngineError("gpg does not export the certificate of the signing key")
        return result.output


@lru_cache(maxsize=REMEMBERED)
def _keys(certificate: bytes) -> tuple[str, ...]:
    """Fingerprints, the primary key's first."""
    walked = packets.walk(certificate)
    return tuple(fingerprint(packets.body(certificate, one)) for one in walked if one.tag in _KEYS)


def _distinct(certificates: Sequence[bytes]) -> bool:
    keys = [key for one in certificates for key in _keys(one)]
    return len(set(keys)) == len(keys)
