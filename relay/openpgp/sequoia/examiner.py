"""`ports.Examiner` where the engine is Sequoia: GnuPG's verdict on version 4, Sequoia's on version 6.

The verdict on what both can read stays GnuPG's, whatever the engine, so that changing the engine changes nobody's
keys. A version 6 certificate (RFC 9580 section 10.1) comes back in Sequoia's order. Whether a part's binding holds is
Sequoia's word: it is asked to encrypt to that part alone. Times and revocations are read from the signatures that
name the primary key as their issuer; a revocation counts whether its signature holds or not, which can only
keep a key from being used. Raises `EngineError` when GnuPG fails.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from relay.mail.certificate_parts import joined, parts, united
from relay.model import Address, Certificate, Unreadable
from relay.model.errors import EngineError, OpenPgpError
from relay.openpgp import completion
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.prefilter import whole
from relay.openpgp.sequoia.reading import certificate

Verdict = Certificate | Unreadable


class SequoiaExaminer:
    """Judges certificates of versions 4 and 6."""

    def __init__(self, timeout: float = 30.0) -> None:
        self._gnupg = GnuPGExaminer(timeout)

    async def examine(self, blobs: Sequence[bytes]) -> list[Verdict]:
        """One verdict a blob, in order."""
        theirs = [blob for blob in blobs if not _is_version_6(blob)]
        judged = iter(await self._gnupg.examine(theirs) if theirs else [])
        return [_judged(blob) if _is_version_6(blob) else next(judged) for blob in blobs]

    async def merge(self, known: bytes, news: bytes) -> Verdict:
        """Both states of one certificate as one."""
        if not (_is_version_6(known) and _is_version_6(news)):
            return await self._gnupg.merge(known, news)
        first, second = parts(known), parts(news)
        if next(iter(first)) != next(iter(second)):
            return Unreadable("These are two different keys.")
        return _judged(joined(united(first, second)))

    async def certified_by(self, certificate: bytes, authority: bytes) -> frozenset[Address]:
        """As GnuPG verifies it, which does not know version 6: there nothing is certified."""
        if _is_version_6(certificate) or _is_version_6(authority):
            return frozenset()
        return await self._gnupg.certified_by(certificate, authority)

    async def revoked_by(self, certificate: bytes, revoker: bytes) -> bool:
        """As GnuPG takes it; RFC 9580 (section 5.2.3.23) has no designated revokers for version 6."""
        return not _is_version_6(certificate) and await self._gnupg.revoked_by(certificate, revoker)


def _is_version_6(blob: bytes) -> bool:
    """Of what cannot be read, GnuPG's examiner says why."""
    found = whole(blob)
    return not isinstance(found, Unreadable) and found[0] == 6


def _judged(blob: bytes) -> Verdict:
    try:
        return completion.completed(blob, certificate(blob), time.time())
    except OpenPgpError as error:
        return completion.unreadable(blob, f"{str(error)[:1].upper()}{str(error)[1:]}.")
    except EngineError:
        return completion.unreadable(blob, "Sequoia finds no key in it that holds together.")
