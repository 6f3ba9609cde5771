"""`ports.Examiner` where the engine is Sequoia: GnuPG's verdict on version 4, Sequoia's on version 6.

The verdict on what both can read stays GnuPG's, whatever the engine, so that changing the engine changes nobody's
keys. A version 6 certificate (RFC 9580 section 10.1) comes back in Sequoia's order. Whether a part's binding holds is
Sequoia's word: it is asked to encrypt to that part alone. Times and revocations are read from the signatures that
name the primary key as their issuer; a revocation counts whether its signature holds or not, which can only
keep a key from being used. Raises `EngineError` when GnuPG fails.
"""

from __future__ import annotations

from collections.abc import Sequence

import pysequoia

from relay.mail import packets
from relay.model import Certificate, Unreadable
from relay.model.errors import EngineError, OpenPgpError
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.prefilter import MOST_OCTETS, MOST_PACKETS
from relay.openpgp.sequoia.errors import translated
from relay.openpgp.sequoia.reading import certificate

Verdict = Certificate | Unreadable


class SequoiaExaminer:
    """Judges both versions."""

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
        try:
            with translated("Sequoia does not merge these"):
                merged = pysequoia.Cert.from_bytes(known).merge(pysequoia.Cert.from_bytes(news))
                return _judged(bytes(merged))
        except EngineError:
            return Unreadable("These are two different keys.")


def _is_version_6(blob: bytes) -> bool:
    """Of what cannot be read, GnuPG's examiner says why."""
    try:
        first = next(packets.walk(blob), None)
    except OpenPgpError:
        return False
    return (
        first is not None
        and first.tag == packets.PUBLIC_KEY
        and blob[first.body_start : first.body_start + 1] == b"\x06"
    )


def _judged(blob: bytes) -> Verdict:
    if len(blob) > MOST_OCTETS:
        return Unreadable(f"This is larger than {MOST_OCTETS >> 20} MiB.")
    try:
        if len(packets.split_certificates(blob)) != 1:
            return Unreadable("These are several keys.")
        if sum(1 for _ in packets.walk(blob)) > MOST_PACKETS:
            return Unreadable("This key has too many signatures.")
        return certificate(blob)
    except OpenPgpError as error:
        return Unreadable(f"{str(error)[:1].upper()}{str(error)[1:]}.")
    except EngineError:
        return Unreadable("Sequoia finds no key in it that holds together.")
